from pathlib import Path

from cmrbridge.paper.report import About, Files, write_report
from cmrbridge.runtime.job import job

with job(snakemake):
    several = ("trainings", "journals", "records", "validity", "fidelity", "audits", "choices", "shift", "subjects")
    write_report(
        about=About(**snakemake.params.about, figures=snakemake.params.pictures),
        files=Files(
            cases=Path(snakemake.input.cases),
            comparisons=Path(snakemake.input.comparisons),
            claims=Path(snakemake.input.claims),
            doses=next(map(Path, snakemake.input.doses), None),
            correlations=next(map(Path, snakemake.input.correlations), None),
            duplicates=Path(snakemake.input.duplicates),
            splits=dict(zip(snakemake.params.about["roles"], map(Path, snakemake.input.splits))),
            **{name: [Path(path) for path in snakemake.input[name]] for name in several},
        ),
        report=Path(snakemake.output.report),
        claim=Path(snakemake.output.checklist),
    )
