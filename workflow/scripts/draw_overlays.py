from pathlib import Path

from cmrbridge.paper.overlays import draw_overlays
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_overlays(
        cases=Path(snakemake.input.cases),
        run=snakemake.params.shown,
        baseline=snakemake.params.baseline,
        predictions=dict(zip(snakemake.params.arms, map(Path, snakemake.input.predictions))),
        subjects=dict(zip(snakemake.params.targets, map(Path, snakemake.input.subjects))),
        pages=dict(
            zip(snakemake.params.targets, zip(map(Path, snakemake.output.png), map(Path, snakemake.output.pdf)))
        ),
    )
