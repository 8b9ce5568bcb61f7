from pathlib import Path

from cmrbridge.paper.cards import Identity, write_card
from cmrbridge.runtime.job import job

with job(snakemake):
    write_card(
        identity=Identity(**snakemake.params.identity),
        model=Path(snakemake.input.model),
        record=Path(snakemake.input.record),
        cases=Path(snakemake.input.cases),
        subjects=[Path(path) for path in snakemake.input.subjects],
        splits=dict(zip(snakemake.params.domains, map(Path, snakemake.input.splits))),
        card=Path(snakemake.output.card),
    )
