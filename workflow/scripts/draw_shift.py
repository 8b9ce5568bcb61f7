from pathlib import Path

from cmrbridge.paper.shift import draw_shift
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_shift(
        scores=[Path(path) for path in snakemake.input.scores],
        confusion=[Path(path) for path in snakemake.input.confusion],
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
