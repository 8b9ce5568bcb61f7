from pathlib import Path

from cmrbridge.evaluation.fidelity import FidelitySettings, measure_generators
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    measure_generators(
        settings=FidelitySettings(**snakemake.params.settings),
        training=Path(snakemake.input.training),
        synthetic=Path(snakemake.input.synthetic),
        predicted=Path(snakemake.input.predicted),
        fidelity=Path(snakemake.output.fidelity),
        shapes=Path(snakemake.output.shapes),
        report=run.report,
    )
