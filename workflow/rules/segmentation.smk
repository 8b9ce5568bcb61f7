"""Segmentation: train one network per run of the grid, then predict every test subject in its file's own grid.

Needs   results/{study}/data/{domain}/{training.npz,images.npz,test.npz}, synthesis/{source}/…/images.npz for arms that mix it in,
        translation/{source}/…/{domain}/{training,test}/images.npz for arms that translate;
        data/{source}/images.npz again at test time, for arms that match to it
Makes   results/{study}/segmentation/{scenario}/{arm}/{architecture}/seed-{seed}/model.safetensors
        and predictions/{scenario}/{arm}/{architecture}/seed-{seed}/files/{domain}/{subject}_{phase}.nii.gz
"""


rule train_segmenter:
    input:
        training=lambda wildcards: expand(
            f"{DATA}/training.npz", domain=run_at(wildcards).training
        ),
        unlabelled=lambda wildcards: expand(
            f"{DATA}/images.npz", domain=run_at(wildcards).unlabelled
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
        architecture=f"(?!({CAGED})/)[^/]+",
    conda:
        ENVIRONMENT
    threads: STUDY["threads"] * STUDY["processes"]
    resources:
        gpu=GPUS * STUDY["processes"],
        mem_mb=more(8000),
        runtime=1440,
    params:
        code=lambda wildcards: code(
            "train_segmenter",
            "cmrbridge.segmentation.train",
            f"cmrbridge.segmentation.architectures.{wildcards.architecture}",
        ),
        settings=segmenter_settings,
        threads=STUDY["threads"],
        processes=STUDY["processes"],
        seed=lambda wildcards: int(wildcards.seed),
    script:
        "../scripts/train_segmenter.py"


rule predict:
    input:
        model=model_used,
        translated=translated_tests,
        reference=reference_images,
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
        architecture=f"(?!({CAGED})/)[^/]+",
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(120),
    params:
        code=lambda wildcards: code(
            "predict",
            "cmrbridge.segmentation.predict",
            f"cmrbridge.segmentation.architectures.{wildcards.architecture}",
            *test_time_module(wildcards),
        ),
        domains=lambda wildcards: run_at(wildcards).tested,
        batch=STUDY["prediction"]["batch"],
        ensemble=lambda wildcards: bool(run_at(wildcards).ensemble),
        test_time=lambda wildcards: STUDY["test_time"].get(run_at(wildcards).test_time),
    script:
        "../scripts/predict.py"
