from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.segmentation.predict import predict_domains

with job(snakemake, torch=True) as run:
    predict_domains(
        model=Path(snakemake.input.model),
        tests=dict(zip(snakemake.params.domains, map(Path, snakemake.input.tests))),
        subjects=dict(zip(snakemake.params.domains, map(Path, snakemake.input.subjects))),
        translated=dict(zip(snakemake.params.domains, map(Path, snakemake.input.translated))),
        ensemble=snakemake.params.ensemble,
        test_time=snakemake.params.test_time,
        reference=Path(snakemake.input.reference) if snakemake.input.reference else None,
        folder=Path(snakemake.output.folder),
        batch=snakemake.params.batch,
        device=run.device,
        report=run.report,
    )
