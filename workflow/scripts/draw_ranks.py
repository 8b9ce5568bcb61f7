from pathlib import Path

from cmrbridge.paper.ranks import draw_ranks
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_ranks(
        cases=Path(snakemake.input.cases),
        baseline=snakemake.params.baseline,
        metric=snakemake.params.metric,
        table=Path(snakemake.output.table),
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
