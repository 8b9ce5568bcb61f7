from pathlib import Path

from cmrbridge.paper.figures import draw_curves
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_curves(
        runs=[{**run, "path": Path(path)} for run, path in zip(snakemake.params.runs, snakemake.input.metrics)],
        arms=snakemake.params.arms,
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
