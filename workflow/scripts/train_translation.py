from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.translation.train import TranslationTraining, train_image_diffusion

with job(snakemake, torch=True) as run:
    train_image_diffusion(
        settings=TranslationTraining(**run.resolved(snakemake.params.settings)),
        training=Path(snakemake.input.training),
        model=Path(snakemake.output.model),
        samples=Path(snakemake.output.samples),
        seed=snakemake.params.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )
