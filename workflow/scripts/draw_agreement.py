from pathlib import Path

from cmrbridge.paper.agreement import draw_agreement
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_agreement(
        cases=Path(snakemake.input.cases),
        run=snakemake.params.shown,
        arms=snakemake.params.arms,
        table=Path(snakemake.output.table),
        pages=dict(
            zip(snakemake.params.targets, zip(map(Path, snakemake.output.png), map(Path, snakemake.output.pdf)))
        ),
    )
