from pathlib import Path

from cmrbridge.evaluation.factors import FactorSettings, measure_factors
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    measure_factors(
        settings=FactorSettings(**run.resolved(snakemake.params.settings)),
        cases=Path(snakemake.input.cases),
        subjects=dict(zip(snakemake.params.targets, map(Path, snakemake.input.subjects))),
        sources=snakemake.params.sources,
        factors=Path(snakemake.output.factors),
    )
