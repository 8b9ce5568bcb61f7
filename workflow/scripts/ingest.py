from pathlib import Path

from cmrbridge.data.ingest import IngestSettings, ingest
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    ingest(
        settings=IngestSettings(**run.resolved(snakemake.params.settings)),
        folder=Path(snakemake.input.folder),
        subjects=Path(snakemake.output.subjects),
        prepared=Path(snakemake.output.prepared),
        picture=Path(snakemake.output.picture),
        report=run.report,
    )
