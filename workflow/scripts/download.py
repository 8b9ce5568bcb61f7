import os
from pathlib import Path

from cmrbridge.fetch.dataset import fetch_dataset, sources_from
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    fetch_dataset(
        sources=sources_from(snakemake.params.sources),
        folder=Path(snakemake.output.folder).parent,
        environment=os.environ,
        report=run.report,
    )
