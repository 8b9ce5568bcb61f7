from pathlib import Path

from cmrbridge.evaluation.unlike import fit_unlike
from cmrbridge.runtime.job import job

with job(snakemake):
    fit_unlike(
        chosen=Path(snakemake.input.chosen),
        training=dict(zip(snakemake.params.domains, map(Path, snakemake.input.training))),
        unlike=Path(snakemake.output.unlike),
    )
