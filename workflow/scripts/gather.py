from pathlib import Path

from cmrbridge.evaluation.gather import gather_cases
from cmrbridge.runtime.job import job

with job(snakemake):
    gather_cases(
        parts=[Path(path) for path in snakemake.input.parts],
        cases=Path(snakemake.output.cases),
    )
