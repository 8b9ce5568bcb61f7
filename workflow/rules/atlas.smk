"""Atlas: what the domains of the study look like, before anything is trained. `snakemake atlas` makes this alone.

Needs   ingest/{dataset}/{subjects.csv,prepared.npz}, data/{domain}/split.csv
Makes   results/{study}/atlas/{subjects.csv,greys.csv,distances.csv,atlas.html} and
        atlas/{montage,map,greys,acquisition,hearts}.{png,pdf}
"""

ATLAS = f"{RESULTS}/atlas"
ATLAS_FIGURES = ("montage", "map", "greys", "acquisition", "hearts")


rule describe_domains:
    input:
        subjects=expand(f"{INGEST}/subjects.csv", dataset=datasets_of(STUDY)),
        prepared=expand(f"{INGEST}/prepared.npz", dataset=datasets_of(STUDY)),
        splits=expand(f"{DATA}/split.csv", domain=domains_of(STUDY)),
    output:
        people=f"{ATLAS}/subjects.csv",
        greys=f"{ATLAS}/greys.csv",
        distances=f"{ATLAS}/distances.csv",
        record=f"{ATLAS}/record.json",
    log:
        f"{ATLAS}/log.txt",
    benchmark:
        f"{ATLAS}/benchmark.tsv"
    # read before the trainings, which it does not hold up
    priority: 10
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(8000),
        runtime=more(60),
    params:
        code=code("describe_domains", "cmrbridge.evaluation.atlas"),
        domains=domains_of(STUDY),
        seed=STUDY["split"]["seed"],
    script:
        "../scripts/describe_domains.py"


rule draw_atlas:
    input:
        people=f"{ATLAS}/subjects.csv",
        greys=f"{ATLAS}/greys.csv",
        distances=f"{ATLAS}/distances.csv",
        prepared=expand(f"{INGEST}/prepared.npz", dataset=datasets_of(STUDY)),
        templates=sorted(
            map(str, Path(workflow.basedir).glob("src/cmrbridge/paper/*.j2"))
        ),
    output:
        png=report(
            expand(f"{ATLAS}/{{figure}}.png", figure=ATLAS_FIGURES),
            category="Data",
            caption="../report/atlas.rst",
        ),
        pdf=expand(f"{ATLAS}/{{figure}}.pdf", figure=ATLAS_FIGURES),
        page=f"{ATLAS}/atlas.html",
    log:
        f"{ATLAS}/page.log.txt",
    priority: 10
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(8000),
        runtime=more(20),
    params:
        code=code("draw_atlas", "cmrbridge.paper.atlas_page"),
        study=STUDY["study"],
        figures=ATLAS_FIGURES,
        sources=sorted(set(RUNS.source)),
        targets=TESTED,
        nominal=NOMINAL,
    script:
        "../scripts/draw_atlas.py"
