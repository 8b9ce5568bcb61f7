from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.shift.images import ShiftSettings, measure_pathologies

with job(snakemake, torch=True) as run:
    measure_pathologies(
        settings=ShiftSettings(**snakemake.params.settings),
        networks=snakemake.params.networks,
        packs=[Path(path) for path in snakemake.input.packs],
        scores=Path(snakemake.output.scores),
        confusion=Path(snakemake.output.confusion),
        device=run.device,
        report=run.report,
    )
