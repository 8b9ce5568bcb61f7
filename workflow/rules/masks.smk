"""Masks: train the label diffusion model of a source, then sample label maps from it.

Needs   results/{study}/data/{source}/training.npz
Makes   results/{study}/masks/{source}/seed-{generator_seed}/train/{model.safetensors,samples.png}
        and …/sample/{masks.npz,validity.csv,conditions.csv,gallery.png}
"""


rule train_masks:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        ready=ancient(READY),
    output:
        model=f"{MASKS}/train/model.safetensors",
        samples=f"{MASKS}/train/samples.png",
        metrics=f"{MASKS}/train/metrics.jsonl",
        record=f"{MASKS}/train/record.json",
    log:
        f"{MASKS}/train/log.txt",
    benchmark:
        f"{MASKS}/train/benchmark.tsv"
    priority: 1  # the longest chain starts here
    conda:
        ENVIRONMENT
    threads: STUDY["threads"] * STUDY["processes"]
    resources:
        gpu=GPUS * STUDY["processes"],
        mem_mb=more(8000),
        runtime=720,
    params:
        code=code("train_masks", "cmrbridge.masks.train"),
        settings=STUDY["masks"]["train"],
        threads=STUDY["threads"],
        processes=STUDY["processes"],
        seed=lambda wildcards: int(wildcards.generator_seed),
    script:
        "../scripts/train_masks.py"


rule sample_masks:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        model=f"{MASKS}/train/model.safetensors",
    output:
        masks=f"{MASKS}/sample/masks.npz",
        gallery=report(
            f"{MASKS}/sample/gallery.png",
            category="Generators",
            caption="../report/masks.rst",
        ),
        validity=f"{MASKS}/sample/validity.csv",
        conditions=f"{MASKS}/sample/conditions.csv",
        record=f"{MASKS}/sample/record.json",
    log:
        f"{MASKS}/sample/log.txt",
    benchmark:
        f"{MASKS}/sample/benchmark.tsv"
    priority: 1  # the longest chain starts here
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(240),
    params:
        code=code("sample_masks", "cmrbridge.masks.sample"),
        settings={**STUDY["masks"]["sample"], "ratio": largest_ratio(STUDY)},
        seed=lambda wildcards: int(wildcards.generator_seed),
    script:
        "../scripts/sample_masks.py"
