from pathlib import Path

from cmrbridge.paper.exported import describe_export
from cmrbridge.runtime.job import job

with job(snakemake):
    describe_export(
        study=snakemake.params.study,
        chosen=Path(snakemake.input.chosen),
        unlike=Path(snakemake.input.unlike),
        translator=[Path(path) for path in snakemake.input.translator],
        records=[Path(path) for path in snakemake.input.records],
        cases=[Path(path) for path in snakemake.input.cases],
        subjects=[Path(path) for path in snakemake.input.subjects],
        splits=dict(zip(snakemake.params.domains, map(Path, snakemake.input.splits))),
        folder=Path(snakemake.output.model).parent,
    )
