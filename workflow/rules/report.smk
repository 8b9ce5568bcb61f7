"""Report: the study on one page with its checklist, and a card for each model of the baseline and of the primary arm.

Needs   evaluation/{cases.csv,comparisons.csv,claims.csv} and, where comparisons.follows asks, {doses.csv,dose_correlations.csv}, paper/tables,
        every picture, records and journals of the trainings, the tables of the data
Makes   results/{study}/paper/report.html, paper/checklist.md, paper/model_cards/{scenario}/{arm}/{architecture}/seed-{seed}.md
"""

CARD = f"{PAPER}/model_cards/{{scenario}}/{{arm}}/{{architecture}}/seed-{{seed}}.md"
CARDED = RUNS[
    RUNS.arm.isin([STUDY["comparisons"][key] for key in ("baseline", "primary_arm")])
]


rule report:
    input:
        cases=f"{EVALUATION}/cases.csv",
        comparisons=f"{EVALUATION}/comparisons.csv",
        claims=f"{EVALUATION}/claims.csv",
        doses=FOLLOWED and [f"{EVALUATION}/doses.csv"],
        correlations=FOLLOWED and [f"{EVALUATION}/dose_correlations.csv"],
        tables=f"{PAPER}/tables",
        pictures=[picture["path"] for picture in pictures()],
        trainings=every_training(f"{SEGMENTATION}/record.json"),
        journals=every_training(f"{SEGMENTATION}/metrics.jsonl"),
        records=every_generator(f"{MASKS}/train/record.json")
        + every_generator(f"{SYNTHESIS}/train/record.json")
        + every_translation(f"{TRANSLATION}/train/record.json"),
        duplicates=DUPLICATES,
        validity=every_generator(f"{MASKS}/sample/validity.csv"),
        fidelity=every_set(f"{FIDELITY}/fidelity.csv"),
        audits=every_set(f"{PRIVACY}/audit.json"),
        choices=every_translation(f"{TRANSLATION}/{{method}}/choice.json"),
        shift=shift_tables("scores"),
        subjects=expand(f"{INGEST}/subjects.csv", dataset=datasets_of(STUDY)),
        splits=expand(f"{DATA}/split.csv", domain=domains_of(STUDY)),
        templates=sorted(
            map(str, Path(workflow.basedir).glob("src/cmrbridge/paper/*.j2"))
        ),
    output:
        report=f"{PAPER}/report.html",
        checklist=f"{PAPER}/checklist.md",
    log:
        f"{PAPER}/logs/report.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(20),
    params:
        code=code("report", "cmrbridge.paper.report"),
        about=lambda wildcards: about_study(),
        pictures=pictures(),
    script:
        "../scripts/report.py"


rule model_card:
    input:
        model=model_used,
        record=lambda wildcards: model_used(wildcards).replace(
            "model.safetensors", "record.json"
        ),
        cases=f"{EVALUATION}/cases.csv",
        subjects=lambda wildcards: expand(
            f"{INGEST}/subjects.csv",
            dataset=dict.fromkeys(map(dataset_of, carded_domains(wildcards))),
        ),
        splits=lambda wildcards: expand(
            f"{DATA}/split.csv", domain=carded_domains(wildcards)
        ),
    output:
        card=CARD,
    log:
        f"{PAPER}/logs/model_cards/{{scenario}}/{{arm}}/{{architecture}}/seed-{{seed}}.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("model_card", "cmrbridge.paper.cards"),
        identity=identity_of,
        domains=carded_domains,
    script:
        "../scripts/model_card.py"
