"""Download: the data sets that a study asks for and that are not there. One that is there is never touched.

Needs   resources/datasets.tsv; what no program may fetch, put into {downloads}/{download}.files by hand
Makes   {downloads}/{download} in the layout that its reader knows, {download}.files with what it came from
"""


rule download:
    output:
        folder=directory(f"{DOWNLOADS}/{{download}}"),
        record=f"{DOWNLOADS}/{{download}}.files/record.json",
    log:
        f"{DOWNLOADS}/{{download}}.files/log.txt",
    wildcard_constraints:
        download="|".join(DOWNLOADED) or "(?!)",  # none, where none is missing: what is there is not made again
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
        runtime=24 * 60,
    params:
        code=code("download", "cmrbridge.fetch.dataset"),
        sources=lambda wildcards: DOWNLOADED[wildcards.download],
    script:
        "../scripts/download.py"
