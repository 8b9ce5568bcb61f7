"""Tracking: one MLflow run per job, nested under one run per study, fed from the records after the fact.

Needs   the records and metrics of the study's jobs, and its small pictures
Makes   results/{study}/tracking/runs.csv; the runs themselves in results/mlflow.db, or where MLFLOW_TRACKING_URI says
"""

TRAININGS = [
    *every_training(SEGMENTATION),
    *every_generator(f"{MASKS}/train"),
    *every_generator(f"{SYNTHESIS}/train"),
    *every_translation(f"{TRANSLATION}/train"),
]
OTHER_JOBS = [
    *expand(INGEST, dataset=datasets_of(STUDY)),
    *expand(DATA, domain=domains_of(STUDY)),
    *every_generator(f"{MASKS}/sample"),
    *every_set(RENDERED),
    *every_set(FIDELITY),
    *every_set(PRIVACY),
    *every_run(PREDICTIONS),
    *every_run(SCORES),
]


rule track:
    input:
        records=[f"{folder}/record.json" for folder in TRAININGS + OTHER_JOBS],
        metrics=[f"{folder}/metrics.jsonl" for folder in TRAININGS],
        artifacts=[picture["path"] for picture in galleries()]
        + every_generator(f"{MASKS}/train/samples.png")
        + every_generator(f"{SYNTHESIS}/train/samples.png")
        + every_translation(f"{TRANSLATION}/train/samples.png"),
    output:
        runs=f"{TRACKING}/runs.csv",
    log:
        f"{TRACKING}/log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(30),
    params:
        code=code("track", "cmrbridge.runtime.sync"),
    script:
        "../scripts/track.py"
