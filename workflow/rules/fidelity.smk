"""Fidelity: how good a source's generated pairs are, beside real ones of other subjects.

Needs   results/{study}/data/{source}/training.npz, synthesis/{source}/…/render/{moment}/images.npz, the judge's network
Makes   results/{study}/fidelity/{source}/seed-{generator_seed}/{moment}/{fidelity.csv,shapes.csv,fidelity.png,shapes.png}
"""


rule label_generated:
    input:
        model=judge_model,
        training=f"{RESULTS}/data/{{source}}/training.npz",
        synthetic=f"{RENDERED}/images.npz",
    output:
        predicted=f"{FIDELITY}/predicted.npz",
        record=f"{FIDELITY}/predicted.record.json",
    log:
        f"{FIDELITY}/predicted.log.txt",
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(60),
    params:
        code=lambda wildcards: judge_code("label_generated"),
        batch=STUDY["prediction"]["batch"],
    script:
        "../scripts/label_generated.py"


rule measure_generators:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        synthetic=f"{RENDERED}/images.npz",
        predicted=f"{FIDELITY}/predicted.npz",
    output:
        fidelity=f"{FIDELITY}/fidelity.csv",
        shapes=f"{FIDELITY}/shapes.csv",
        record=f"{FIDELITY}/record.json",
    log:
        f"{FIDELITY}/log.txt",
    benchmark:
        f"{FIDELITY}/benchmark.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        code=code("measure_generators", "cmrbridge.evaluation.fidelity"),
        settings=STUDY["fidelity"],
    script:
        "../scripts/measure_generators.py"


rule draw_fidelity:
    input:
        fidelity=f"{FIDELITY}/fidelity.csv",
    output:
        png=report(
            f"{FIDELITY}/fidelity.png",
            category="Generators",
            caption="../report/fidelity.rst",
        ),
        pdf=f"{FIDELITY}/fidelity.pdf",
    log:
        f"{FIDELITY}/fidelity.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_fidelity", "cmrbridge.paper.generators"),
    script:
        "../scripts/draw_fidelity.py"


rule draw_shapes:
    input:
        training=f"{RESULTS}/data/{{source}}/training.npz",
        synthetic=f"{RENDERED}/images.npz",
    output:
        png=report(
            f"{FIDELITY}/shapes.png",
            category="Generators",
            caption="../report/shapes.rst",
        ),
        pdf=f"{FIDELITY}/shapes.pdf",
    log:
        f"{FIDELITY}/shapes.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_shapes", "cmrbridge.paper.generators"),
    script:
        "../scripts/draw_shapes.py"
