"""Shift: how well the scanner can be told from a segmenter's features, and from images before and after they are changed;
how well the pathology can. Which of the three is measured, the study's `shift` says.

Needs   data/{domain}/{test.npz,images.npz}, the networks of the arms that `shift.probe` names, translation/{source}/…/test/images.npz
Makes   results/{study}/shift/{probe,domains/{source},pathology}/{scores.csv,confusion.csv}, shift/shift.{png,pdf}
"""


rule write_features:
    input:
        model=model_used,
        tests=lambda wildcards: expand(
            f"{DATA}/test.npz", domain=probed_domains(wildcards.scenario)
        ),
    output:
        features=f"{FEATURES}/features.npz",
        record=f"{FEATURES}/record.json",
    log:
        f"{FEATURES}/log.txt",
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(60),
    params:
        code=lambda wildcards: code(
            "write_features",
            "cmrbridge.segmentation.features",
            f"cmrbridge.segmentation.architectures.{wildcards.architecture}",
        ),
        domains=lambda wildcards: probed_domains(wildcards.scenario),
        slices=STUDY["shift"]["slices"],
        batch=STUDY["prediction"]["batch"],
    script:
        "../scripts/write_features.py"


rule measure_probe:
    input:
        features=over(PROBED, f"{FEATURES}/features.npz"),
    output:
        scores=f"{SHIFT}/probe/scores.csv",
        confusion=f"{SHIFT}/probe/confusion.csv",
        record=f"{SHIFT}/probe/record.json",
    log:
        f"{SHIFT}/probe/log.txt",
    benchmark:
        f"{SHIFT}/probe/benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(240),
    params:
        code=code("measure_probe", "cmrbridge.shift.probe"),
        settings=reader_settings(),
        runs=PROBED[["source", "arm", "architecture", "seed"]].to_dict("records"),
    script:
        "../scripts/measure_probe.py"


rule measure_domains:
    input:
        packs=lambda wildcards: [
            pack for look in looks(wildcards.source) for pack in look["packs"]
        ],
    output:
        scores=f"{SHIFT}/domains/{{source}}/scores.csv",
        confusion=f"{SHIFT}/domains/{{source}}/confusion.csv",
        record=f"{SHIFT}/domains/{{source}}/record.json",
    log:
        f"{SHIFT}/domains/{{source}}/log.txt",
    benchmark:
        f"{SHIFT}/domains/{{source}}/benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(480),
    params:
        code=code("measure_domains", "cmrbridge.shift.images"),
        settings=reader_settings(),
        networks=STUDY["shift"]["domains"],
        looks=lambda wildcards: [
            {key: look[key] for key in ("name", "domains")}
            for look in looks(wildcards.source)
        ],
    script:
        "../scripts/measure_domains.py"


rule measure_pathologies:
    input:
        packs=expand(
            f"{DATA}/{{part}}.npz",
            domain=scenario_domains(STUDY),
            part=["images", "test"],
        ),
    output:
        scores=f"{SHIFT}/pathology/scores.csv",
        confusion=f"{SHIFT}/pathology/confusion.csv",
        record=f"{SHIFT}/pathology/record.json",
    log:
        f"{SHIFT}/pathology/log.txt",
    benchmark:
        f"{SHIFT}/pathology/benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: STUDY["threads"]
    resources:
        gpu=GPUS,
        mem_mb=more(8000),
        runtime=more(240),
    params:
        code=code("measure_pathologies", "cmrbridge.shift.images"),
        settings=reader_settings(),
        networks=STUDY["shift"]["pathology"],
    script:
        "../scripts/measure_pathologies.py"


rule draw_shift:
    input:
        scores=shift_tables("scores"),
        confusion=shift_tables("confusion"),
    output:
        png=report(
            f"{SHIFT}/shift.png", category="Results", caption="../report/shift.rst"
        ),
        pdf=f"{SHIFT}/shift.pdf",
    log:
        f"{SHIFT}/log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_shift", "cmrbridge.paper.shift"),
    script:
        "../scripts/draw_shift.py"
