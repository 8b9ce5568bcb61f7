from pathlib import Path

from cmrbridge.paper.figures import draw_distributions
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_distributions(
        cases=Path(snakemake.input.cases),
        pages=dict(
            zip(snakemake.params.targets, zip(map(Path, snakemake.output.png), map(Path, snakemake.output.pdf)))
        ),
    )
