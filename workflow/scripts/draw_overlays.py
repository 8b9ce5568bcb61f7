from pathlib import Path

from cmrbridge.paper.overlays import draw_overlays
from cmrbridge.runtime.job import job

with job(snakemake):
    draw_overlays(
        cases=Path(snakemake.input.cases),
        run=snakemake.params.shown,
        baseline=snakemake.params.baseline,
        predictions=dict(zip(snakemake.params.arms, map(Path, snakemake.input.predictions))),
        targets={
            domain: {"subjects": Path(subjects)}
            for domain, subjects in zip(snakemake.params.domains, snakemake.input.subjects)
        },
        png=Path(snakemake.output.png),
        pdf=Path(snakemake.output.pdf),
    )
