from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.segmentation.nnunet.predict import predict_nnunet

with job(snakemake, torch=True) as run:
    predict_nnunet(
        model=Path(snakemake.input.model),
        tests=dict(zip(snakemake.params.domains, map(Path, snakemake.input.tests))),
        subjects=dict(zip(snakemake.params.domains, map(Path, snakemake.input.subjects))),
        translated=dict(zip(snakemake.params.domains, map(Path, snakemake.input.translated))),
        ensemble=snakemake.params.ensemble,
        folder=Path(snakemake.output.folder),
        threads=snakemake.params.threads,
        python=Path(snakemake.resources.python),
        device=run.device,
        report=run.report,
    )
