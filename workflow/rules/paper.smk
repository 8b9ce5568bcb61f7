"""Paper: tables and figures, each a query over cases.csv and the records.

Needs   evaluation/{cases.csv,comparisons.csv,claims.csv}, predictions, records and metrics of the runs, galleries of the generators,
        resources/published.tsv
Makes   results/{study}/paper/tables/, paper/figures/{curves,gap,factors}.{png,pdf}, figures/{forest,ranks}.{png,pdf,csv},
        figures/{distributions,overlays,agreement}/{domain}.{png,pdf}, figures/agreement.csv
"""


rule tables:
    input:
        cases=f"{EVALUATION}/cases.csv",
        comparisons=f"{EVALUATION}/comparisons.csv",
        claims=f"{EVALUATION}/claims.csv",
        published=f"{workflow.basedir}/resources/published.tsv",
    output:
        folder=directory(f"{PAPER}/tables"),
    log:
        f"{PAPER}/logs/tables.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("tables", "cmrbridge.paper.tables"),
        oracles=sorted(set(RUNS.arm[RUNS.access == "oracle"])),
        nominal=NOMINAL,
    script:
        "../scripts/tables.py"


rule draw_gap:
    input:
        cases=f"{EVALUATION}/cases.csv",
    output:
        png=report(
            f"{FIGURES}/gap.png", category="Results", caption="../report/gap.rst"
        ),
        pdf=f"{FIGURES}/gap.pdf",
    log:
        f"{PAPER}/logs/gap.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_gap", "cmrbridge.paper.figures"),
    script:
        "../scripts/draw_gap.py"


rule draw_distributions:
    input:
        cases=f"{EVALUATION}/cases.csv",
    output:
        png=report(
            expand(f"{FIGURES}/distributions/{{domain}}.png", domain=TESTED),
            category="Results",
            caption="../report/distributions.rst",
        ),
        pdf=expand(f"{FIGURES}/distributions/{{domain}}.pdf", domain=TESTED),
    log:
        f"{PAPER}/logs/distributions.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_distributions", "cmrbridge.paper.figures"),
        targets=TESTED,
    script:
        "../scripts/draw_distributions.py"


rule draw_overlays:
    input:
        cases=f"{EVALUATION}/cases.csv",
        predictions=shown(f"{PREDICTIONS}/files"),
        subjects=expand(
            f"{INGEST}/subjects.csv",
            dataset=[dataset_of(domain) for domain in SHOWN.tested],
        ),
    output:
        png=report(
            expand(f"{FIGURES}/overlays/{{domain}}.png", domain=SHOWN.tested),
            category="Results",
            caption="../report/overlays.rst",
        ),
        pdf=expand(f"{FIGURES}/overlays/{{domain}}.pdf", domain=SHOWN.tested),
    log:
        f"{PAPER}/logs/overlays.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(4000),
        runtime=more(20),
    params:
        code=code("draw_overlays", "cmrbridge.paper.overlays"),
        shown={
            "source": SHOWN.source,
            "architecture": SHOWN.architecture,
            "seed": int(SHOWN.seed),
        },
        baseline=STUDY["comparisons"]["baseline"],
        arms=STUDY["run"]["arms"],
        targets=SHOWN.tested,
    script:
        "../scripts/draw_overlays.py"


rule draw_agreement:
    input:
        cases=f"{EVALUATION}/cases.csv",
    output:
        png=report(
            expand(f"{FIGURES}/agreement/{{domain}}.png", domain=SHOWN.tested),
            category="Results",
            caption="../report/agreement.rst",
        ),
        pdf=expand(f"{FIGURES}/agreement/{{domain}}.pdf", domain=SHOWN.tested),
        table=f"{FIGURES}/agreement.csv",
    log:
        f"{PAPER}/logs/agreement.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_agreement", "cmrbridge.paper.agreement"),
        shown={"source": SHOWN.source, "architecture": SHOWN.architecture},
        arms=AGREEMENT_ARMS,
        targets=SHOWN.tested,
    script:
        "../scripts/draw_agreement.py"


rule draw_forest:
    input:
        cases=f"{EVALUATION}/cases.csv",
        subjects=expand(
            f"{INGEST}/subjects.csv",
            dataset=[dataset_of(domain) for domain in TESTED],
        ),
    output:
        png=report(
            f"{FIGURES}/forest.png", category="Results", caption="../report/forest.rst"
        ),
        pdf=f"{FIGURES}/forest.pdf",
        table=f"{FIGURES}/forest.csv",
    log:
        f"{PAPER}/logs/forest.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_forest", "cmrbridge.paper.forest"),
        baseline=STUDY["comparisons"]["baseline"],
        metric=STUDY["comparisons"]["primary_metric"],
        targets=TESTED,
    script:
        "../scripts/draw_forest.py"


rule draw_ranks:
    input:
        cases=f"{EVALUATION}/cases.csv",
    output:
        png=report(
            f"{FIGURES}/ranks.png", category="Results", caption="../report/ranks.rst"
        ),
        pdf=f"{FIGURES}/ranks.pdf",
        table=f"{FIGURES}/ranks.csv",
    log:
        f"{PAPER}/logs/ranks.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_ranks", "cmrbridge.paper.ranks"),
        baseline=STUDY["comparisons"]["baseline"],
        metric=STUDY["comparisons"]["primary_metric"],
    script:
        "../scripts/draw_ranks.py"


rule draw_curves:
    input:
        metrics=every_training(f"{SEGMENTATION}/metrics.jsonl"),
    output:
        png=report(
            f"{FIGURES}/curves.png", category="Results", caption="../report/curves.rst"
        ),
        pdf=f"{FIGURES}/curves.pdf",
    log:
        f"{PAPER}/logs/curves.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_curves", "cmrbridge.paper.figures"),
        runs=trainings(RUNS)[["source", "arm", "architecture", "seed"]].to_dict(
            "records"
        ),
        arms=sorted(set(RUNS.arm)),
    script:
        "../scripts/draw_curves.py"


rule draw_factors:
    input:
        factors=f"{EVALUATION}/factors.csv",
    output:
        png=report(
            f"{FIGURES}/factors.png",
            category="Results",
            caption="../report/factors.rst",
        ),
        pdf=f"{FIGURES}/factors.pdf",
    log:
        f"{PAPER}/logs/factors.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_factors", "cmrbridge.paper.factors"),
    script:
        "../scripts/draw_factors.py"


rule draw_doses:
    input:
        doses=f"{EVALUATION}/doses.csv",
        correlations=f"{EVALUATION}/dose_correlations.csv",
    output:
        png=report(
            f"{FIGURES}/doses.png", category="Results", caption="../report/doses.rst"
        ),
        pdf=f"{FIGURES}/doses.pdf",
    log:
        f"{PAPER}/logs/doses.txt",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        code=code("draw_doses", "cmrbridge.paper.doses"),
    script:
        "../scripts/draw_doses.py"
