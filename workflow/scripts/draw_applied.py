from pathlib import Path

from cmrbridge.paper.applied import draw_applied
from cmrbridge.runtime.job import job

with job(snakemake):
    drawn = zip(map(Path, snakemake.output.png), map(Path, snakemake.output.pdf))
    draw_applied(
        summary=Path(snakemake.input.summary),
        predictions=[Path(path) for path in snakemake.input.predictions],
        subjects=dict(zip(snakemake.params.domains, map(Path, snakemake.input.subjects))),
        pages=dict(zip(snakemake.params.domains, drawn)),
    )
