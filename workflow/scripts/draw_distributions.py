from pathlib import Path

from cmrbridge.paper.figures import draw_distributions
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_distributions(
        cases=Path(snakemake.input.cases),
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
