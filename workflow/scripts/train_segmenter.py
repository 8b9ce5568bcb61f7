from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.segmentation.train import settings_from, train_segmenter

with job(snakemake, torch=True) as run:
    train_segmenter(
        settings=settings_from(run.resolved(snakemake.params.settings)),
        training=[Path(path) for path in snakemake.input.training],
        synthetic=Path(snakemake.input.synthetic) if snakemake.input.synthetic else None,
        translated=Path(snakemake.input.translated) if snakemake.input.translated else None,
        unlabelled=[Path(path) for path in snakemake.input.unlabelled],
        model=Path(snakemake.output.model),
        seed=snakemake.params.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )
