from pathlib import Path

from cmrbridge.evaluation.comparisons import ComparisonSettings, compare_arms
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    compare_arms(
        settings=ComparisonSettings(**run.resolved(snakemake.params.settings)),
        cases=Path(snakemake.input.cases),
        comparisons=Path(snakemake.output.comparisons),
    )
