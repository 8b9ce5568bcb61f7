"""Evaluation: score every run in the files' own grids, gather the scores, hold every arm against the baseline.

Needs   predictions of every run, ingest/{dataset}/subjects.csv (which names the reference labels), data/{domain}/split.csv
Makes   results/{study}/evaluation/{cases.csv,comparisons.csv}
"""


rule evaluate:
    input:
        predictions=f"{PREDICTIONS}/files",
        subjects=lambda wildcards: expand(
            f"{INGEST}/subjects.csv",
            dataset=[dataset_of(domain) for domain in run_at(wildcards).tested],
        ),
        splits=lambda wildcards: expand(
            f"{DATA}/split.csv", domain=run_at(wildcards).tested
        ),
    output:
        cases=f"{SCORES}/cases.csv",
        record=f"{SCORES}/record.json",
    log:
        f"{SCORES}/log.txt",
    benchmark:
        f"{SCORES}/benchmark.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code("evaluate", "cmrbridge.evaluation.cases"),
        identity=lambda wildcards: {
            "study": STUDY["study"],
            "source": run_at(wildcards).source,
            "arm": wildcards.arm,
            "architecture": wildcards.architecture,
            "seed": int(wildcards.seed),
        },
        domains=lambda wildcards: run_at(wildcards).tested,
    script:
        "../scripts/evaluate.py"


rule gather:
    input:
        parts=every_run(f"{SCORES}/cases.csv"),
    output:
        cases=f"{EVALUATION}/cases.csv",
        record=f"{EVALUATION}/gather.record.json",
    log:
        f"{EVALUATION}/gather.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        code=code("gather", "cmrbridge.evaluation.gather"),
    script:
        "../scripts/gather.py"


rule compare:
    input:
        cases=f"{EVALUATION}/cases.csv",
    output:
        comparisons=f"{EVALUATION}/comparisons.csv",
        record=f"{EVALUATION}/compare.record.json",
    log:
        f"{EVALUATION}/compare.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        code=code("compare", "cmrbridge.evaluation.comparisons"),
        settings=STUDY["comparisons"],
    script:
        "../scripts/compare.py"
