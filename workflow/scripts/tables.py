from pathlib import Path

from cmrbridge.paper.tables import write_tables
from cmrbridge.runtime.job import job

with job(snakemake):
    write_tables(
        cases=Path(snakemake.input.cases),
        comparisons=Path(snakemake.input.comparisons),
        claims=Path(snakemake.input.claims),
        published=Path(snakemake.input.published),
        oracles=snakemake.params.oracles,
        nominal=snakemake.params.nominal,
        folder=Path(snakemake.output.folder),
    )
