from pathlib import Path

from cmrbridge.data.split import SplitSettings, split_domain
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    split_domain(
        settings=SplitSettings(**run.resolved(snakemake.params.settings)),
        subjects=Path(snakemake.input.subjects),
        prepared=Path(snakemake.input.prepared),
        duplicates=Path(snakemake.input.duplicates),
        training=Path(snakemake.output.training),
        images=Path(snakemake.output.images),
        test=Path(snakemake.output.test),
        table=Path(snakemake.output.table),
    )
