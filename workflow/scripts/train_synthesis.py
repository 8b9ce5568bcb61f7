from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.synthesis.train import SpadeTraining, train_spade_diffusion

with job(snakemake, torch=True) as run:
    train_spade_diffusion(
        settings=SpadeTraining(**run.resolved(snakemake.params.settings)),
        training=Path(snakemake.input.training),
        model=Path(snakemake.output.model),
        samples=Path(snakemake.output.samples),
        snapshots=[Path(path) for path in snakemake.output.snapshots],
        seed=snakemake.params.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )
