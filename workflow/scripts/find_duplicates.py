from pathlib import Path

from cmrbridge.data.duplicates import find_duplicates
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    find_duplicates(
        subjects=[Path(path) for path in snakemake.input.subjects],
        duplicates=Path(snakemake.output.duplicates),
        report=run.report,
    )
