from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.translation.export import export_translator

with job(snakemake, torch=True):
    sources = [keys["source"] for keys in snakemake.params.translators]
    export_translator(
        chosen=Path(snakemake.input.chosen),
        choices=[
            {"source": source, "model": model, "choice": choice}
            for source, model, choice in zip(sources, snakemake.input.models, snakemake.input.choices, strict=True)
        ],
        training=dict(zip(sources, map(Path, snakemake.input.training), strict=True)),
        seed=snakemake.params.seed,
        onnx_file=Path(snakemake.output.onnx),
        about=Path(snakemake.output.about),
    )
