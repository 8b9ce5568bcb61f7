from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.segmentation.label import label_generated

with job(snakemake, torch=True) as run:
    label_generated(
        model=Path(snakemake.input.model),
        training=Path(snakemake.input.training),
        synthetic=Path(snakemake.input.synthetic),
        predicted=Path(snakemake.output.predicted),
        batch=snakemake.params.batch,
        device=run.device,
        report=run.report,
    )
