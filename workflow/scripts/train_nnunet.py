from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.segmentation.nnunet.train import NnunetSettings, train_nnunet

with job(snakemake, torch=True) as run:
    train_nnunet(
        settings=NnunetSettings(**snakemake.params.settings),
        training=[Path(path) for path in snakemake.input.training],
        synthetic=Path(snakemake.input.synthetic) if snakemake.input.synthetic else None,
        translated=Path(snakemake.input.translated) if snakemake.input.translated else None,
        model=Path(snakemake.output.model),
        seed=snakemake.params.seed,
        threads=snakemake.params.threads,
        python=Path(snakemake.resources.python),
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )
