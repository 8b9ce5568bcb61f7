from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.synthesis.export import export_pairs

with job(snakemake):
    export_pairs(
        synthetic=Path(snakemake.input.synthetic),
        audit=Path(snakemake.input.audit),
        folder=Path(snakemake.output.folder),
        form=snakemake.wildcards.form,
        licence=snakemake.params.licence,
        about=snakemake.params.about,
    )
