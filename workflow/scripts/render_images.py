from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.synthesis.render import ImageRendering, render_images

with job(snakemake, torch=True) as run:
    render_images(
        settings=ImageRendering(**run.resolved(snakemake.params.settings)),
        training=Path(snakemake.input.training),
        model=Path(snakemake.input.model),
        masks=Path(snakemake.input.masks),
        images=Path(snakemake.output.images),
        gallery=Path(snakemake.output.gallery),
        seed=snakemake.params.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )
