from pathlib import Path

from cmrbridge.data.admit import AdmitSettings, admit
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    admit(
        settings=AdmitSettings(**run.resolved(snakemake.params.settings)),
        folder=Path(snakemake.input.folder),
        output=Path(snakemake.output.folder),
        salt=Path("results/.salt"),
        report=run.report,
    )
