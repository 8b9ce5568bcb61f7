from pathlib import Path

from cmrbridge.data.check.run import check, datasets_of
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    check(
        datasets=datasets_of(snakemake.input.folders, snakemake.params.settings),
        table=Path(snakemake.output.problems),
        page_file=Path(snakemake.output.page),
        summary=Path(snakemake.output.summary),
        report=run.report,
        workers=snakemake.threads,
    )
