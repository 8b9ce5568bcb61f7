from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.synthesis.render import ImageRendering, render_shard

with job(snakemake, torch=True) as run:
    render_shard(
        settings=ImageRendering(**run.resolved(snakemake.params.settings)),
        training=Path(snakemake.input.training),
        model=Path(snakemake.input.model),
        masks=Path(snakemake.input.masks),
        ratio=snakemake.params.ratio,
        part=Path(snakemake.output.part),
        shard=snakemake.params.shard,
        shards=snakemake.params.shards,
        seed=snakemake.params.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )
