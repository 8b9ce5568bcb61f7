from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.segmentation.label import label_candidates

with job(snakemake, torch=True) as run:
    label_candidates(
        model=Path(snakemake.input.model),
        candidates=Path(snakemake.input.candidates),
        predicted=Path(snakemake.output.predicted),
        batch=snakemake.params.batch,
        device=run.device,
        report=run.report,
    )
