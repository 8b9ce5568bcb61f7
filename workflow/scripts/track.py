import os
from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.runtime.tracking import mirror

with job(snakemake) as run:
    mirror(
        records=[Path(path) for path in snakemake.input.records],
        metrics=[Path(path) for path in snakemake.input.metrics],
        artifacts=[Path(path) for path in snakemake.input.artifacts],
        study=snakemake.params.study,
        uri=os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///results/mlflow.db"),
        runs=Path(snakemake.output.runs),
        report=run.report,
    )
