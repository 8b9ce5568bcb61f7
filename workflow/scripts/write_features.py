from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.segmentation.features import write_features

with job(snakemake, torch=True) as run:
    write_features(
        model=Path(snakemake.input.model),
        tests=dict(zip(snakemake.params.domains, map(Path, snakemake.input.tests))),
        features=Path(snakemake.output.features),
        slices=snakemake.params.slices,
        batch=snakemake.params.batch,
        device=run.device,
        report=run.report,
    )
