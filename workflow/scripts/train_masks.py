from pathlib import Path

from cmrbridge.masks.train import MaskTraining, train_label_diffusion
from cmrbridge.runtime.job import job

with job(snakemake, torch=True) as run:
    train_label_diffusion(
        settings=MaskTraining(**run.resolved(snakemake.params.settings)),
        training=Path(snakemake.input.training),
        model=Path(snakemake.output.model),
        samples=Path(snakemake.output.samples),
        seed=snakemake.params.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )
