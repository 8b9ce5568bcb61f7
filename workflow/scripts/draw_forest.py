from pathlib import Path

from cmrbridge.paper.forest import draw_forest
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_forest(
        cases=Path(snakemake.input.cases),
        subjects=dict(zip(snakemake.params.targets, map(Path, snakemake.input.subjects))),
        baseline=snakemake.params.baseline,
        metric=snakemake.params.metric,
        table=Path(snakemake.output.table),
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
