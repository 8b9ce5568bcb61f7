"""nnU-Net: the real one in its own environment and process, on the inputs and to the outputs of every other architecture.

Needs   results/{study}/data/{domain}/{training.npz,test.npz}, synthesis/… and translation/… as segmentation.smk says;
        the environment of `make nnunet-env`, whose Python (nnunet.python) is a resource: where it lies changes no result
Makes   what segmentation.smk makes, for the architectures nnunet2d and nnunet3d
"""


rule train_nnunet:
    input:
        training=lambda wildcards: expand(
            f"{DATA}/training.npz", domain=run_at(wildcards).training
        ),
        synthetic=synthetic_pairs,
        translated=translated_pack,
        ready=ancient(READY),
    output:
        model=f"{SEGMENTATION}/model.safetensors",
        metrics=f"{SEGMENTATION}/metrics.jsonl",
        record=f"{SEGMENTATION}/record.json",
    log:
        f"{SEGMENTATION}/log.txt",
    benchmark:
        f"{SEGMENTATION}/benchmark.tsv"
    wildcard_constraints:
        architecture=CAGED,
    conda:
        ENVIRONMENT
    threads: STUDY["threads"] + STUDY["nnunet"]["workers"]
    resources:
        gpu=GPUS,
        python=NNUNET["python"],
        mem_mb=more(16000),
        runtime=1440,
    params:
        code=code(
            "train_nnunet",
            "cmrbridge.segmentation.nnunet.train",
            "cmrbridge.segmentation.nnunet.caged",
        ),
        environment=NNUNET["lock"],
        settings=caged_settings,
        threads=STUDY["threads"],
        seed=lambda wildcards: int(wildcards.seed),
    script:
        "../scripts/train_nnunet.py"


rule predict_nnunet:
    input:
        model=model_used,
        translated=translated_tests,
        tests=lambda wildcards: expand(
            f"{DATA}/test.npz", domain=run_at(wildcards).tested
        ),
        subjects=lambda wildcards: expand(
            f"{INGEST}/subjects.csv",
            dataset=[dataset_of(domain) for domain in run_at(wildcards).tested],
        ),
    output:
        folder=directory(f"{PREDICTIONS}/files"),
        record=f"{PREDICTIONS}/record.json",
    log:
        f"{PREDICTIONS}/log.txt",
    benchmark:
        f"{PREDICTIONS}/benchmark.tsv"
    wildcard_constraints:
        architecture=CAGED,
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        python=NNUNET["python"],
        mem_mb=more(16000),
        runtime=more(120),
    params:
        code=code(
            "predict_nnunet",
            "cmrbridge.segmentation.nnunet.predict",
            "cmrbridge.segmentation.nnunet.caged",
        ),
        environment=NNUNET["lock"],
        domains=lambda wildcards: run_at(wildcards).tested,
        threads=STUDY["threads"],
        ensemble=lambda wildcards: bool(run_at(wildcards).ensemble),
    script:
        "../scripts/predict_nnunet.py"
