"""Data: any data set's files to canonical packs, one folder per domain.

Needs   the folder of each data set (datasets.*.path), or nothing for the phantom
Makes   data/.ready, for which every domain must be in order and the check free of errors: no training starts before;
        check/{problems.csv,check.html,summary.txt};
        results/{study}/{phantom,dicom,admitted}/{dataset}/files, ingest/{dataset}/{subjects.csv,prepared.npz,qc.png},
        ingest/duplicates.csv, data/{domain}/{training.npz,images.npz,test.npz,split.csv}
"""

# of a domain that is segmented and never scored, every subject gives its images
EVERYBODY = {"train": 1.0, "val": 0.0}


rule phantom:
    output:
        folder=directory(f"{PHANTOM}/files"),
        record=f"{PHANTOM}/record.json",
    log:
        f"{PHANTOM}/log.txt",
    benchmark:
        f"{PHANTOM}/benchmark.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    params:
        code=code("phantom", "cmrbridge.data.phantom.generate"),
        settings=lambda wildcards: {
            key: STUDY["datasets"][wildcards.dataset][key]
            for key in ("scanners", "subjects", "seed")
        },
    script:
        "../scripts/phantom.py"


rule convert_dicom:
    input:
        folder=lambda wildcards: STUDY["datasets"][wildcards.dataset]["path"],
    output:
        folder=directory(f"{DICOM}/files"),
        record=f"{DICOM}/record.json",
    log:
        f"{DICOM}/log.txt",
    benchmark:
        f"{DICOM}/benchmark.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(120),
    params:
        code=code("convert_dicom", "cmrbridge.data.dicom.convert"),
        settings=lambda wildcards: {
            key: value
            for key, value in STUDY["datasets"][wildcards.dataset].items()
            if key in ("series", "subjects_by")
        }
        | left_out(wildcards),
    script:
        "../scripts/convert_dicom.py"


rule admit:
    input:
        folder=raw_folder,
    output:
        folder=directory(f"{ADMITTED}/files"),
        record=f"{ADMITTED}/record.json",
    log:
        f"{ADMITTED}/log.txt",
    benchmark:
        f"{ADMITTED}/benchmark.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(120),
    params:
        code=code("admit", "cmrbridge.data.admit"),
        settings=admit_settings,
    script:
        "../scripts/admit.py"


rule check:
    input:
        folders=[dataset_folder(one) for one in checked()],
    output:
        problems=f"{CHECK}/problems.csv",
        page=report(
            f"{CHECK}/check.html", category="Data", caption="../report/check.rst"
        ),
        summary=f"{CHECK}/summary.txt",
        record=f"{CHECK}/record.json",
    log:
        f"{CHECK}/log.txt",
    benchmark:
        f"{CHECK}/benchmark.tsv"
    priority: 10  # before the data are prepared: it names every fault, ingest the first
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(60),
    params:
        code=code("check", "cmrbridge.data.check.run"),
        settings=check_settings(),
    script:
        "../scripts/check.py"


rule ingest:
    input:
        folder=dataset_folder,
    output:
        subjects=f"{INGEST}/subjects.csv",
        prepared=f"{INGEST}/prepared.npz",
        picture=report(f"{INGEST}/qc.png", category="Data", caption="../report/qc.rst"),
        record=f"{INGEST}/record.json",
    log:
        f"{INGEST}/log.txt",
    benchmark:
        f"{INGEST}/benchmark.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        code=code("ingest", "cmrbridge.data.ingest"),
        settings=ingest_settings,
    script:
        "../scripts/ingest.py"


rule find_duplicates:
    input:
        subjects=expand(f"{INGEST}/subjects.csv", dataset=datasets_of(STUDY)),
    output:
        duplicates=DUPLICATES,
        record=f"{RESULTS}/ingest/record.json",
    log:
        f"{RESULTS}/ingest/log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("find_duplicates", "cmrbridge.data.duplicates"),
    script:
        "../scripts/find_duplicates.py"


rule split_domain:
    input:
        subjects=lambda wildcards: f"{RESULTS}/ingest/{dataset_of(wildcards.domain)}/subjects.csv",
        prepared=lambda wildcards: f"{RESULTS}/ingest/{dataset_of(wildcards.domain)}/prepared.npz",
        duplicates=DUPLICATES,
    output:
        training=f"{DATA}/training.npz",
        images=f"{DATA}/images.npz",
        test=f"{DATA}/test.npz",
        table=f"{DATA}/split.csv",
        record=f"{DATA}/record.json",
    log:
        f"{DATA}/log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(10),
    params:
        code=code("split_domain", "cmrbridge.data.split"),
        settings=lambda wildcards: {
            "domain": wildcards.domain,
            **STUDY["split"],
            **STUDY["domains"][wildcards.domain].get("split", {}),
            **(EVERYBODY if wildcards.domain in STUDY["apply"]["domains"] else {}),
            "dataset": dataset_of(wildcards.domain),
            "where": STUDY["domains"][wildcards.domain].get("where", {}),
            "labelled": wildcards.domain in labelled_domains(STUDY),
        },
    script:
        "../scripts/split_domain.py"


rule ready:
    input:
        problems=f"{CHECK}/problems.csv",
        splits=expand(f"{DATA}/split.csv", domain=domains_of(STUDY)),
    output:
        approved=READY,
    log:
        f"{RESULTS}/data/ready.log.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("ready", "cmrbridge.data.check.ready"),
    script:
        "../scripts/ready.py"
