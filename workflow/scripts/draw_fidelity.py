from pathlib import Path

from cmrbridge.paper.generators import draw_fidelity
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_fidelity(
        fidelity=Path(snakemake.input.fidelity),
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
