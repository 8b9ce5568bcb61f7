"""Evaluation: score every run in the files' own grids, gather the scores, hold every arm against the baseline.

Needs   predictions of every run, ingest/{dataset}/subjects.csv (which names the reference labels), data/{domain}/split.csv
Makes   results/{study}/evaluation/{cases.csv,comparisons.csv}
"""


def label_codes():
    """data set → the code of each structure in its label files."""
    codes = {name: STUDY["datasets"][name].get("labels") for name in datasets_of(STUDY)}
    return {name: code for name, code in codes.items() if code}


rule evaluate:
    input:
        predictions=f"{PREDICTIONS}/files",
        subjects=lambda wildcards: expand(
            f"{INGEST}/subjects.csv", dataset=[dataset_of(domain) for domain in run_at(wildcards).tested]
        ),
        splits=lambda wildcards: expand(f"{DATA}/split.csv", domain=run_at(wildcards).tested),
    output:
        cases=f"{SCORES}/cases.csv",
        record=f"{SCORES}/record.json",
    log:
        f"{SCORES}/log.txt",
    benchmark:
        f"{SCORES}/benchmark.tsv"
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
        labels=label_codes(),
    resources:
        mem_mb=4000,
        runtime=60,
    conda:
        ENVIRONMENT
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
    params:
        code=code("gather", "cmrbridge.evaluation.gather"),
    resources:
        mem_mb=4000,
        runtime=10,
    conda:
        ENVIRONMENT
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
    params:
        code=code("compare", "cmrbridge.evaluation.comparisons"),
        settings=STUDY["comparisons"],
    resources:
        mem_mb=4000,
        runtime=10,
    conda:
        ENVIRONMENT
    script:
        "../scripts/compare.py"
