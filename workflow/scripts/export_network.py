from pathlib import Path

from cmrbridge.runtime.job import job
from cmrbridge.segmentation.export import export_best

with job(snakemake, torch=True):
    export_best(
        pick=snakemake.wildcards.pick,
        candidates=[
            {**keys, "model": model, "metrics": metrics}
            for keys, model, metrics in zip(
                snakemake.params.candidates, snakemake.input.models, snakemake.input.metrics, strict=True
            )
        ],
        training=dict(zip(snakemake.params.domains, map(Path, snakemake.input.training))),
        onnx_file=Path(snakemake.output.onnx),
        weights=Path(snakemake.output.weights),
        chosen=Path(snakemake.output.chosen),
    )
