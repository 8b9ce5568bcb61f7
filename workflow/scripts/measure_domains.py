from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.shift.images import ShiftSettings, measure_domains

with job(snakemake, torch=True) as run:
    packs = iter(snakemake.input.packs)
    measure_domains(
        settings=ShiftSettings(**snakemake.params.settings),
        networks=snakemake.params.networks,
        looks={
            look["name"]: {domain: Path(next(packs)) for domain in look["domains"]} for look in snakemake.params.looks
        },
        identity={"source": snakemake.wildcards.source},
        scores=Path(snakemake.output.scores),
        confusion=Path(snakemake.output.confusion),
        device=run.device,
        report=run.report,
    )
