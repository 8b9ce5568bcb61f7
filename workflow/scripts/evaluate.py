from pathlib import Path

from cmrbridge.evaluation.cases import evaluate_cases
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    evaluate_cases(
        keys=snakemake.params.identity,
        predictions=Path(snakemake.input.predictions),
        targets={
            domain: {"subjects": Path(subjects), "split": Path(split)}
            for domain, subjects, split in zip(
                snakemake.params.domains, snakemake.input.subjects, snakemake.input.splits
            )
        },
        cases=Path(snakemake.output.cases),
        report=run.report,
    )
