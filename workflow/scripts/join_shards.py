from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.synthesis.render import join_shards

with job(snakemake):
    join_shards(
        training=Path(snakemake.input.training),
        masks=Path(snakemake.input.masks),
        ratio=snakemake.params.ratio,
        parts=[Path(path) for path in snakemake.input.parts],
        images=Path(snakemake.output.images),
        gallery=Path(snakemake.output.gallery),
        seed=snakemake.params.seed,
    )
