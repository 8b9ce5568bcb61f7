from pathlib import Path

from cmrbridge.paper.atlas_page import draw_atlas
from cmrbridge.runtime.job import job

with job(snakemake):
    drawn = zip(map(Path, snakemake.output.png), map(Path, snakemake.output.pdf))
    draw_atlas(
        study=snakemake.params.study,
        sources=snakemake.params.sources,
        targets=snakemake.params.targets,
        nominal=snakemake.params.nominal,
        people=Path(snakemake.input.people),
        greys=Path(snakemake.input.greys),
        distances=Path(snakemake.input.distances),
        prepared=[Path(path) for path in snakemake.input.prepared],
        figures=dict(zip(snakemake.params.figures, drawn)),
        page=Path(snakemake.output.page),
    )
