from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.synthesis.render import ImageRendering, render_references

with job(snakemake, torch=True) as run:
    render_references(
        settings=ImageRendering(**run.resolved(snakemake.params.settings)),
        training=Path(snakemake.input.training),
        model=Path(snakemake.input.model),
        images=Path(snakemake.output.images),
        seed=snakemake.params.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )
