"""Privacy: does a generated set copy the patients that its generator was trained on? Then the set, for use elsewhere.

Needs   results/{study}/data/{source}/training.npz, synthesis/{source}/…/{train,render}
Makes   results/{study}/privacy/{source}/seed-{generator_seed}/{moment}/{audit.json,distances.csv,copies.png}
        and export/{source}/seed-{generator_seed}/{moment}/{nifti,png}/ with the audit's verdict on its card
"""


rule render_references:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        model=synthesis_model,
    output:
        images=f"{PRIVACY}/references.npz",
        record=f"{PRIVACY}/references.record.json",
    log:
        f"{PRIVACY}/references.log.txt",
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(240),
    params:
        code=code("render_references", "cmrbridge.synthesis.render"),
        settings=STUDY["synthesis"]["render"],
        seed=lambda wildcards: int(wildcards.generator_seed),
    script:
        "../scripts/render_references.py"


rule audit_privacy:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        synthetic=f"{RENDERED}/images.npz",
        references=f"{PRIVACY}/references.npz",
    output:
        audit=f"{PRIVACY}/audit.json",
        distances=f"{PRIVACY}/distances.csv",
        copies=f"{PRIVACY}/copies.png",
        record=f"{PRIVACY}/record.json",
    log:
        f"{PRIVACY}/log.txt",
    benchmark:
        f"{PRIVACY}/benchmark.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(8000),
        runtime=more(120),
    params:
        code=code("audit_privacy", "cmrbridge.evaluation.privacy"),
        settings=STUDY["privacy"],
    script:
        "../scripts/audit_privacy.py"


rule export_pairs:
    input:
        synthetic=f"{RENDERED}/images.npz",
        audit=f"{PRIVACY}/audit.json",
    output:
        folder=directory(f"{EXPORT}/{{form}}"),
        record=f"{EXPORT}/{{form}}.record.json",
    log:
        f"{EXPORT}/{{form}}.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        code=code("export_pairs", "cmrbridge.synthesis.export"),
        licence=licence_of,
        about=lambda wildcards: {
            "study": STUDY["study"],
            "source": wildcards.source,
            "data set": dataset_of(wildcards.source),
            "generator seed": wildcards.generator_seed,
            "moment of its training": wildcards.moment,
        },
    script:
        "../scripts/export_pairs.py"
