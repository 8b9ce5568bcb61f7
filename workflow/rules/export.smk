"""Export: the networks that did best on the source's validation subjects, as models that run without torch.

Needs   segmentation/…/{model.safetensors,metrics.jsonl,record.json} and scores of the runs of app.arms, data/{domain}/training.npz,
        translation/… where an arm redraws test images
Makes   results/{study}/export/{fast,accurate}/{model.onnx,model.json,card.md,checksums.json,bundle/}, and adapt.onnx where an arm
        translates test images; no part of a study, but the target `export`
"""


rule export_network:
    input:
        models=lambda wildcards: over(
            some(EXPORTABLE), f"{SEGMENTATION}/model.safetensors"
        ),
        metrics=over(EXPORTABLE, f"{SEGMENTATION}/metrics.jsonl"),
        training=expand(f"{DATA}/training.npz", domain=export_training()),
    output:
        onnx=f"{MODEL}/model.onnx",
        weights=directory(f"{MODEL}/bundle/models"),
        chosen=f"{MODEL}.chosen.json",
        record=f"{MODEL}.record.json",
    log:
        f"{MODEL}.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(30),
    params:
        code=code(
            "export_network",
            "cmrbridge.segmentation.export",
            *(
                f"cmrbridge.segmentation.architectures.{name}"
                for name in dict.fromkeys(EXPORTABLE.architecture)
            ),
        ),
        candidates=export_keys(),
        domains=export_training(),
    script:
        "../scripts/export_network.py"


rule fit_unlike:
    input:
        chosen=f"{MODEL}.chosen.json",
        training=expand(f"{DATA}/training.npz", domain=export_training()),
    output:
        unlike=f"{MODEL}.unlike.json",
        record=f"{MODEL}.unlike.record.json",
    log:
        f"{MODEL}.unlike.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(30),
    params:
        code=code("fit_unlike", "cmrbridge.evaluation.unlike"),
        domains=export_training(),
    script:
        "../scripts/fit_unlike.py"


rule export_translator:
    input:
        chosen=f"{MODEL}.chosen.json",
        models=of_translators(f"{TRANSLATION}/train/model.safetensors"),
        choices=of_translators(f"{TRANSLATION}/{{method}}/choice.json"),
        training=of_translators(f"{RESULTS}/data/{{source}}/training.npz"),
    output:
        onnx=f"{MODEL}.adapt.onnx",
        about=f"{MODEL}.adapt.json",
        record=f"{MODEL}.adapt.record.json",
    log:
        f"{MODEL}.adapt.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(6000),
        runtime=more(60),
    params:
        code=code("export_translator", "cmrbridge.translation.export"),
        translators=TRANSLATORS,
        seed=STUDY["generator_seed"],
    script:
        "../scripts/export_translator.py"


rule describe_export:
    input:
        onnx=f"{MODEL}/model.onnx",
        weights=f"{MODEL}/bundle/models",
        chosen=f"{MODEL}.chosen.json",
        unlike=f"{MODEL}.unlike.json",
        translator=[f"{MODEL}.adapt.onnx", f"{MODEL}.adapt.json"] if TRANSLATORS else [],
        records=over(EXPORTABLE, f"{SEGMENTATION}/record.json"),
        cases=over(EXPORTABLE, f"{SCORES}/cases.csv"),
        subjects=expand(
            f"{INGEST}/subjects.csv",
            dataset=dict.fromkeys(map(dataset_of, export_domains())),
        ),
        splits=expand(f"{DATA}/split.csv", domain=export_domains()),
    output:
        model=f"{MODEL}/model.json",
        card=f"{MODEL}/card.md",
        metadata=f"{MODEL}/bundle/configs/metadata.json",
        inference=f"{MODEL}/bundle/configs/inference.json",
        checksums=f"{MODEL}/checksums.json",
    log:
        f"{MODEL}.card.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("describe_export", "cmrbridge.paper.exported"),
        study=STUDY["study"],
        domains=export_domains(),
    script:
        "../scripts/describe_export.py"
