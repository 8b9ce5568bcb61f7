"""Synthesis: train the SPADE image diffusion model of a source, then draw images of the sampled masks.

Needs   results/{study}/data/{source}/training.npz, masks/{source}/seed-{generator_seed}/sample/masks.npz
Makes   results/{study}/synthesis/{source}/seed-{generator_seed}/train/{model.safetensors,step-{n}.safetensors,samples.png}
        and …/render/{moment}/{images.npz,gallery.png}, where moment is "end", or "step-{n}" of the training
"""


rule train_synthesis:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        ready=ancient(READY),
    output:
        model=f"{SYNTHESIS}/train/model.safetensors",
        snapshots=[
            f"{SYNTHESIS}/train/step-{step}.safetensors"
            for step in STUDY["synthesis"]["train"].get("keep", [])
        ],
        samples=f"{SYNTHESIS}/train/samples.png",
        metrics=f"{SYNTHESIS}/train/metrics.jsonl",
        record=f"{SYNTHESIS}/train/record.json",
    log:
        f"{SYNTHESIS}/train/log.txt",
    benchmark:
        f"{SYNTHESIS}/train/benchmark.tsv"
    priority: 1  # the longest chain starts here
    conda:
        ENVIRONMENT
    threads: STUDY["threads"] * STUDY["processes"]
    resources:
        gpu=GPUS * STUDY["processes"],
        mem_mb=more(8000),
        runtime=1440,
    params:
        code=code("train_synthesis", "cmrbridge.synthesis.train"),
        settings=STUDY["synthesis"]["train"],
        threads=STUDY["threads"],
        processes=STUDY["processes"],
        seed=lambda wildcards: int(wildcards.generator_seed),
    script:
        "../scripts/train_synthesis.py"


scattergather:
    shards=STUDY["shards"],


rule render_shard:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        model=synthesis_model,
        masks=f"{MASKS}/sample/masks.npz",
    output:
        part=f"{RENDERED}/shards/{{scatteritem}}/images.npz",
        record=f"{RENDERED}/shards/{{scatteritem}}/record.json",
    log:
        f"{RENDERED}/shards/{{scatteritem}}/log.txt",
    benchmark:
        f"{RENDERED}/shards/{{scatteritem}}/benchmark.tsv"
    priority: 1  # the longest chain starts here
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(240),
    params:
        code=code("render_shard", "cmrbridge.synthesis.render"),
        settings=STUDY["synthesis"]["render"],
        ratio=lambda wildcards: pairs_per_slice(wildcards.moment),
        shard=lambda wildcards: int(wildcards.scatteritem.split("-of-")[0]),
        shards=STUDY["shards"],
        seed=lambda wildcards: int(wildcards.generator_seed),
    script:
        "../scripts/render_shard.py"


rule join_shards:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        masks=f"{MASKS}/sample/masks.npz",
        parts=gather.shards(f"{escaped(RENDERED)}/shards/{{scatteritem}}/images.npz"),
    output:
        images=f"{RENDERED}/images.npz",
        gallery=report(
            f"{RENDERED}/gallery.png",
            category="Generators",
            caption="../report/synthesis.rst",
        ),
        record=f"{RENDERED}/record.json",
    log:
        f"{RENDERED}/log.txt",
    benchmark:
        f"{RENDERED}/benchmark.tsv"
    priority: 1  # the longest chain starts here
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(8000),
        runtime=more(30),
    params:
        code=code("join_shards", "cmrbridge.synthesis.render"),
        ratio=lambda wildcards: pairs_per_slice(wildcards.moment),
        seed=lambda wildcards: int(wildcards.generator_seed),
    script:
        "../scripts/join_shards.py"
