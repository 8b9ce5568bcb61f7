from pathlib import Path

from cmrbridge.data.phantom.generate import PhantomSettings, generate_phantom
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    generate_phantom(
        settings=PhantomSettings(**run.resolved(snakemake.params.settings)),
        folder=Path(snakemake.output.folder),
        report=run.report,
    )
