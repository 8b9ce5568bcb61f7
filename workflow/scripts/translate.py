from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.translation.translate import translate_pack

with job(snakemake, torch=True) as run:
    translate_pack(
        choice=Path(snakemake.input.choice),
        model=Path(snakemake.input.model),
        pack=Path(snakemake.input.pack),
        translated=Path(snakemake.output.images),
        gallery=Path(snakemake.output.gallery),
        batch=snakemake.params.batch,
        seed=snakemake.params.seed,
        device=run.device,
        resume=run.resume,
        report=run.report,
    )
