from pathlib import Path

from cmrbridge.data.check.ready import ready
from cmrbridge.runtime.job import job

with job(snakemake):
    ready(
        problems=Path(snakemake.input.problems),
        splits=[Path(path) for path in snakemake.input.splits],
        approved=Path(snakemake.output.approved),
    )
