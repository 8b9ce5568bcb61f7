from pathlib import Path

from cmrbridge.paper.report import write_report
from cmrbridge.runtime.job import job

with job(snakemake):
    write_report(
        study=snakemake.params.study,
        config_text=snakemake.params.config_text,
        reference=snakemake.params.reference,
        notes=snakemake.params.notes,
        access=snakemake.params.access,
        cases=Path(snakemake.input.cases),
        comparisons=Path(snakemake.input.comparisons),
        figures=snakemake.params.pictures,
        records=[Path(path) for path in snakemake.input.records],
        duplicates=Path(snakemake.input.duplicates),
        validity=[Path(path) for path in snakemake.input.validity],
        fidelity=[Path(path) for path in snakemake.input.fidelity],
        audits=[Path(path) for path in snakemake.input.audits],
        choices=[Path(path) for path in snakemake.input.choices],
        shift=[Path(path) for path in snakemake.input.shift],
        subjects=[Path(path) for path in snakemake.input.subjects],
        splits=dict(zip(snakemake.params.domains, map(Path, snakemake.input.splits))),
        report=Path(snakemake.output.report),
    )
