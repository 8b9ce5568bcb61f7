from pathlib import Path

from cmrbridge.paper.doses import draw_doses
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_doses(
        doses=Path(snakemake.input.doses),
        correlations=Path(snakemake.input.correlations),
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
