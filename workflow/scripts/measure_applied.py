from pathlib import Path

from cmrbridge.evaluation.applied import Run, measure_applied
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    folders = map(Path, snakemake.input.predictions)
    cohorts = zip(snakemake.params.domains, map(Path, snakemake.input.subjects), map(Path, snakemake.input.splits))
    measure_applied(
        runs=[Run(**keys, folder=folder) for keys, folder in zip(snakemake.params.runs, folders, strict=True)],
        cohorts={domain: (subjects, split) for domain, subjects, split in cohorts},
        hearts=Path(snakemake.output.hearts),
        summary=Path(snakemake.output.summary),
        report=run.report,
    )
