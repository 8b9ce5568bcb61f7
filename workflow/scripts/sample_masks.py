from pathlib import Path

from cmrbridge.masks.sample import MaskSampling, sample_masks
from cmrbridge.runtime.job import job

with job(snakemake, torch=True) as run:
    sample_masks(
        settings=MaskSampling(**run.resolved(snakemake.params.settings)),
        training=Path(snakemake.input.training),
        model=Path(snakemake.input.model),
        masks=Path(snakemake.output.masks),
        gallery=Path(snakemake.output.gallery),
        validity=Path(snakemake.output.validity),
        conditions=Path(snakemake.output.conditions),
        seed=snakemake.params.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )
