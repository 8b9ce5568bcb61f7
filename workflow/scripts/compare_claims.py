from pathlib import Path

from cmrbridge.evaluation.claimed import Claim, ComparisonSettings, compare_claims
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    compare_claims(
        settings=ComparisonSettings(**run.resolved(snakemake.params.settings)),
        claims=[Claim(**claim) for claim in snakemake.params.claims],
        cases=Path(snakemake.input.cases),
        claimed=Path(snakemake.output.claims),
    )
