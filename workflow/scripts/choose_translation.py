from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.translation.choose import Candidates, choose_translation

with job(snakemake):
    choose_translation(
        settings=Candidates(**snakemake.params.settings),
        candidates=Path(snakemake.input.candidates),
        predicted=Path(snakemake.input.predicted),
        choice=Path(snakemake.output.choice),
        table=Path(snakemake.output.table),
    )
