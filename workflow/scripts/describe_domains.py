from pathlib import Path

from cmrbridge.evaluation.atlas import describe_domains
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    describe_domains(
        subjects=[Path(path) for path in snakemake.input.subjects],
        prepared=[Path(path) for path in snakemake.input.prepared],
        splits=dict(zip(snakemake.params.domains, map(Path, snakemake.input.splits))),
        seed=snakemake.params.seed,
        people=Path(snakemake.output.people),
        greys=Path(snakemake.output.greys),
        distances=Path(snakemake.output.distances),
        report=run.report,
    )
