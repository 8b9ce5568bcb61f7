"""Evaluation: score every run in the files' own grids, gather the scores, hold every arm against the baseline.

Needs   predictions of every run, ingest/{dataset}/subjects.csv (which names the reference labels), data/{domain}/split.csv
Makes   results/{study}/evaluation/{cases.csv,comparisons.csv,claims.csv,factors.csv}, and doses.csv, dose_correlations.csv where arms differ in
        how many generated pairs they take, how good these are, or from how many subjects
"""

COMPARED = {
    **{
        key: value
        for key, value in STUDY["comparisons"].items()
        if key not in ("verdict", "claims", "follows")
    },
    "trained_as": networks_used(RUNS),
}


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
        mem_mb=more(4000),
        runtime=more(60),
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
        mem_mb=more(4000),
        runtime=more(10),
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
        mem_mb=more(4000),
        runtime=more(10),
    params:
        code=code("compare", "cmrbridge.evaluation.comparisons"),
        settings=COMPARED,
    script:
        "../scripts/compare.py"


rule compare_claims:
    input:
        cases=f"{EVALUATION}/cases.csv",
    output:
        claims=f"{EVALUATION}/claims.csv",
        record=f"{EVALUATION}/compare_claims.record.json",
    log:
        f"{EVALUATION}/compare_claims.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(10),
    params:
        code=code("compare_claims", "cmrbridge.evaluation.claimed"),
        settings=COMPARED,
        claims=STUDY["comparisons"]["claims"],
    script:
        "../scripts/compare_claims.py"


rule measure_factors:
    input:
        cases=f"{EVALUATION}/cases.csv",
        subjects=[
            f"{INGEST}/subjects.csv".format(dataset=dataset_of(domain))
            for domain in TESTED
        ],
    output:
        factors=f"{EVALUATION}/factors.csv",
        record=f"{EVALUATION}/factors.record.json",
    log:
        f"{EVALUATION}/factors.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(30),
    params:
        code=code("measure_factors", "cmrbridge.evaluation.factors"),
        settings={
            "baseline": STUDY["comparisons"]["baseline"],
            "nominal": NOMINAL,
        },
        targets=TESTED,
        sources=sorted(set(RUNS.source)),
    script:
        "../scripts/measure_factors.py"


rule measure_doses:
    input:
        cases=f"{EVALUATION}/cases.csv",
        splits=expand(
            f"{DATA}/split.csv", domain=sorted({one["source"] for one in DOSES})
        ),
        fidelity=every_set(f"{FIDELITY}/fidelity.csv"),
    output:
        doses=f"{EVALUATION}/doses.csv",
        correlations=f"{EVALUATION}/dose_correlations.csv",
        record=f"{EVALUATION}/doses.record.json",
    log:
        f"{EVALUATION}/doses.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(30),
    params:
        code=code("measure_doses", "cmrbridge.evaluation.doses"),
        settings={
            "baseline": STUDY["comparisons"]["baseline"],
            "metric": STUDY["comparisons"]["primary_metric"],
        },
        arms=DOSES,
        sources=sorted({one["source"] for one in DOSES}),
        sets=[
            {"source": source, "step": step_of(moment)}
            for source, moment in asked_sets().itertuples(index=False)
        ],
    script:
        "../scripts/measure_doses.py"
