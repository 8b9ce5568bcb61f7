"""Translation: an image diffusion model of the source gives any image the source's look; how far, its validation says.

Needs   results/{study}/data/{source}/training.npz, the judge's network, data/{domain}/{training,test}.npz
Makes   results/{study}/translation/{source}/seed-{generator_seed}/train/{model.safetensors,samples.png},
        …/{method}/{choice.json,candidates.csv} and …/{method}/{domain}/{part}/{images.npz,gallery.png}
"""


rule train_translation:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        ready=ancient(READY),
    output:
        model=f"{TRANSLATION}/train/model.safetensors",
        samples=f"{TRANSLATION}/train/samples.png",
        metrics=f"{TRANSLATION}/train/metrics.jsonl",
        record=f"{TRANSLATION}/train/record.json",
    log:
        f"{TRANSLATION}/train/log.txt",
    benchmark:
        f"{TRANSLATION}/train/benchmark.tsv"
    priority: 1  # a long chain starts here
    conda:
        ENVIRONMENT
    threads: STUDY["threads"] * STUDY["processes"]
    resources:
        gpu=GPUS * STUDY["processes"],
        mem_mb=more(8000),
        runtime=1440,
    params:
        code=code("train_translation", "cmrbridge.translation.train"),
        settings=STUDY["translation"]["train"],
        threads=STUDY["threads"],
        processes=STUDY["processes"],
        seed=lambda wildcards: int(wildcards.generator_seed),
    script:
        "../scripts/train_translation.py"


rule translate_candidates:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        model=f"{TRANSLATION}/train/model.safetensors",
    output:
        candidates=f"{TRANSLATION}/{{method}}/candidates.npz",
        record=f"{TRANSLATION}/{{method}}/candidates.record.json",
    log:
        f"{TRANSLATION}/{{method}}/candidates.log.txt",
    priority: 1
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(240),
    params:
        code=code("translate_candidates", "cmrbridge.translation.choose"),
        settings=translation_candidates,
        seed=lambda wildcards: int(wildcards.generator_seed),
    script:
        "../scripts/translate_candidates.py"


rule label_candidates:
    input:
        model=judge_model,
        candidates=f"{TRANSLATION}/{{method}}/candidates.npz",
    output:
        predicted=f"{TRANSLATION}/{{method}}/predicted.npz",
        record=f"{TRANSLATION}/{{method}}/predicted.record.json",
    log:
        f"{TRANSLATION}/{{method}}/predicted.log.txt",
    priority: 1
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(60),
    params:
        code=lambda wildcards: judge_code("label_candidates"),
        batch=STUDY["prediction"]["batch"],
    script:
        "../scripts/label_candidates.py"


rule choose_translation:
    input:
        candidates=f"{TRANSLATION}/{{method}}/candidates.npz",
        predicted=f"{TRANSLATION}/{{method}}/predicted.npz",
    output:
        choice=f"{TRANSLATION}/{{method}}/choice.json",
        table=f"{TRANSLATION}/{{method}}/candidates.csv",
        record=f"{TRANSLATION}/{{method}}/choice.record.json",
    log:
        f"{TRANSLATION}/{{method}}/choice.log.txt",
    priority: 1
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(30),
    params:
        code=code("choose_translation", "cmrbridge.translation.choose"),
        settings=choice_settings,
    script:
        "../scripts/choose_translation.py"


rule translate:
    input:
        model=f"{TRANSLATION}/train/model.safetensors",
        choice=f"{TRANSLATION}/{{method}}/choice.json",
        pack=f"{DATA}/{{part}}.npz",
    output:
        images=f"{TRANSLATION}/{{method}}/{{domain}}/{{part}}/images.npz",
        gallery=report(
            f"{TRANSLATION}/{{method}}/{{domain}}/{{part}}/gallery.png",
            category="Generators",
            caption="../report/translation.rst",
        ),
        record=f"{TRANSLATION}/{{method}}/{{domain}}/{{part}}/record.json",
    log:
        f"{TRANSLATION}/{{method}}/{{domain}}/{{part}}/log.txt",
    benchmark:
        f"{TRANSLATION}/{{method}}/{{domain}}/{{part}}/benchmark.tsv"
    priority: 1
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(480),
    params:
        code=code("translate", "cmrbridge.translation.translate"),
        batch=STUDY["translation"]["batch"],
        seed=lambda wildcards: int(wildcards.generator_seed),
    script:
        "../scripts/translate.py"
