from pathlib import Path

from cmrbridge.paper.generators import draw_shapes
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_shapes(
        training=Path(snakemake.input.training),
        synthetic=Path(snakemake.input.synthetic),
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
