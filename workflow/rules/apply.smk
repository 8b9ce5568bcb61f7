"""Apply: domains that nobody outlined are segmented by the networks of chosen arms, and their hearts measured.

Needs   the networks of `apply.arms`, data/{domain}/{images.npz,split.csv} and ingest/{dataset}/subjects.csv of `apply.domains`
Makes   results/{study}/applied/runs/{scenario}/{arm}/{architecture}/seed-{seed}/files/{domain}/{subject}_{phase}.nii.gz,
        applied/{hearts.csv,summary.csv}, applied/{domain}.{png,pdf}; nothing where apply.domains is empty
"""

COHORTS = STUDY["apply"]["domains"]
APPLIED_RUN = f"{APPLY}/runs/{{scenario}}/{{arm}}/{{architecture}}/seed-{{seed}}"
APPLIED_FILES = (
    ["hearts.csv", *(f"{domain}.png" for domain in COHORTS)] if COHORTS else []
)
COHORT_FILES = {
    "tests": expand(f"{DATA}/images.npz", domain=COHORTS),
    "subjects": expand(
        f"{INGEST}/subjects.csv", dataset=[dataset_of(domain) for domain in COHORTS]
    ),
}


rule apply_segmenter:
    input:
        **COHORT_FILES,
        model=model_used,
        translated=[],
        reference=reference_images,
    output:
        folder=directory(f"{APPLIED_RUN}/files"),
        record=f"{APPLIED_RUN}/record.json",
    log:
        f"{APPLIED_RUN}/log.txt",
    benchmark:
        f"{APPLIED_RUN}/benchmark.tsv"
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
        domains=COHORTS,
        batch=STUDY["prediction"]["batch"],
        ensemble=False,
        test_time=lambda wildcards: STUDY["test_time"].get(run_at(wildcards).test_time),
    script:
        "../scripts/predict.py"


rule apply_nnunet:
    input:
        **COHORT_FILES,
        model=model_used,
        translated=[],
    output:
        folder=directory(f"{APPLIED_RUN}/files"),
        record=f"{APPLIED_RUN}/record.json",
    log:
        f"{APPLIED_RUN}/log.txt",
    benchmark:
        f"{APPLIED_RUN}/benchmark.tsv"
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
        domains=COHORTS,
        threads=STUDY["threads"],
        ensemble=False,
    script:
        "../scripts/predict_nnunet.py"


rule measure_applied:
    input:
        predictions=over(APPLIED, f"{APPLIED_RUN}/files"),
        subjects=COHORT_FILES["subjects"],
        splits=expand(f"{DATA}/split.csv", domain=COHORTS),
    output:
        hearts=f"{APPLY}/hearts.csv",
        summary=f"{APPLY}/summary.csv",
        record=f"{APPLY}/record.json",
    log:
        f"{APPLY}/log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        code=code("measure_applied", "cmrbridge.evaluation.applied"),
        domains=COHORTS,
        runs=APPLIED[["source", "arm", "architecture", "seed"]].to_dict("records"),
    script:
        "../scripts/measure_applied.py"


rule draw_applied:
    input:
        summary=f"{APPLY}/summary.csv",
        predictions=over(APPLIED, f"{APPLIED_RUN}/files"),
        subjects=COHORT_FILES["subjects"],
    output:
        png=report(
            expand(f"{APPLY}/{{domain}}.png", domain=COHORTS),
            category="Applied",
            caption="../report/applied.rst",
        ),
        pdf=expand(f"{APPLY}/{{domain}}.pdf", domain=COHORTS),
    log:
        f"{APPLY}/pictures.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(20),
    params:
        code=code("draw_applied", "cmrbridge.paper.applied"),
        domains=COHORTS,
    script:
        "../scripts/draw_applied.py"
