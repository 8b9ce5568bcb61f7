from pathlib import Path

from cmrbridge.evaluation.doses import DoseSettings, measure_doses
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    measure_doses(
        settings=DoseSettings(**run.resolved(snakemake.params.settings)),
        cases=Path(snakemake.input.cases),
        arms=snakemake.params.arms,
        splits=dict(zip(snakemake.params.sources, map(Path, snakemake.input.splits))),
        fidelity=[{**one, "path": Path(path)} for one, path in zip(snakemake.params.sets, snakemake.input.fidelity)],
        doses=Path(snakemake.output.doses),
        correlations=Path(snakemake.output.correlations),
    )
