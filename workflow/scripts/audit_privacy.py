from pathlib import Path

from cmrbridge.evaluation.privacy import AuditSettings, audit_privacy
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    audit_privacy(
        settings=AuditSettings(**run.resolved(snakemake.params.settings)),
        training=Path(snakemake.input.training),
        synthetic=Path(snakemake.input.synthetic),
        references=Path(snakemake.input.references),
        audit=Path(snakemake.output.audit),
        distances=Path(snakemake.output.distances),
        copies=Path(snakemake.output.copies),
        report=run.report,
    )
