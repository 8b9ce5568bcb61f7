from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.translation.choose import Candidates, translate_candidates

with job(snakemake, torch=True) as run:
    translate_candidates(
        settings=Candidates(**snakemake.params.settings),
        model=Path(snakemake.input.model),
        training=Path(snakemake.input.training),
        candidates=Path(snakemake.output.candidates),
        seed=snakemake.params.seed,
        device=run.device,
        report=run.report,
    )
