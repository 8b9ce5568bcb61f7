from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.shift.probe import ShiftSettings, measure_probe

with job(snakemake, torch=True) as run:
    measure_probe(
        settings=ShiftSettings(**snakemake.params.settings),
        features=[Path(path) for path in snakemake.input.features],
        runs=snakemake.params.runs,
        scores=Path(snakemake.output.scores),
        confusion=Path(snakemake.output.confusion),
        device=run.device,
        report=run.report,
    )
