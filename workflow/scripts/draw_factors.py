from pathlib import Path

from cmrbridge.paper.factors import draw_factors
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_factors(
        factors=Path(snakemake.input.factors),
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
