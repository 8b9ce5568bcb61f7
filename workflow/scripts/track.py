import os
from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.runtime.sync import mirror

with job(snakemake) as run:
    mirror(
        records=[Path(path) for path in snakemake.input.records],
        folder=Path(snakemake.output.runs).parents[1],
        uri=os.environ.get("MLFLOW_TRACKING_URI") or None,
        runs=Path(snakemake.output.runs),
        report=run.report,
    )
