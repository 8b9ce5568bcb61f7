"""cmrbridge: from pixels to p-values. The table of contents; each rule file says what it needs and makes."""

import gc
import os

from snakemake.utils import min_version, validate

min_version("9.0")

# Before any numerical library starts threads; jobs inherit them. Passive waiting: two 2-thread jobs on 2 cores
# otherwise slow each other tenfold. Nothing calls home.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

# Python's collector otherwise walks again and again over jobs that all stay: a tenth of the planning
gc.set_threshold(200_000, 20, 100)


configfile: f"{workflow.basedir}/config.yaml"
configfile: f"{workflow.basedir}/workflow/places.yaml"


validate(config, f"{workflow.basedir}/workflow/schemas/config.schema.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/start.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/pictures.smk"
include: "workflow/rules/about.smk"
include: "workflow/rules/download.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/atlas.smk"
include: "workflow/rules/masks.smk"
include: "workflow/rules/synthesis.smk"
include: "workflow/rules/translation.smk"
include: "workflow/rules/fidelity.smk"
include: "workflow/rules/privacy.smk"
include: "workflow/rules/segmentation.smk"
include: "workflow/rules/nnunet.smk"
include: "workflow/rules/apply.smk"
include: "workflow/rules/shift.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/tracking.smk"


localrules:  # the tracker is the one writer of MLflow's database; a cluster's nodes may reach no network
    all,
    atlas,
    export,
    track,
    download,


# models are results too: one that is gone is trained again, with all that depends on it
rule all:
    default_target: True
    input:
        every_training(f"{SEGMENTATION}/model.safetensors"),
        every_generator(f"{MASKS}/train/model.safetensors"),
        every_generator(f"{SYNTHESIS}/train/model.safetensors"),
        every_translation(f"{TRANSLATION}/train/model.safetensors"),
        f"{ATLAS}/atlas.html",
        f"{PAPER}/report.html",
        expand(f"{APPLY}/{{picture}}", picture=APPLIED_FILES),
        over(CARDED, CARD),
        f"{TRACKING}/runs.csv",
        expand(every_set(f"{EXPORT}/{{{{form}}}}"), form=STUDY["export"]),


# the data alone, before anything is trained
rule atlas:
    input:
        f"{ATLAS}/atlas.html",


# the best networks as files for `cmrbridge serve`, a small fast one and an accurate one
rule export:
    input:
        expand(f"{MODEL}/checksums.json", pick=["fast", "accurate"]),
