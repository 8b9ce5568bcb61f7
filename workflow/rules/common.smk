"""Shared by all .smk files: the resolved study, the folders of results, and the fingerprint of the code a job runs.

Needs   the validated config
Makes   STUDY, RUNS, folders; no rule
"""

import os
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import judge_architecture
from cmrbridge.plan.config import (
    datasets_of,
    domains_of,
    judge_of,
    labelled_domains,
    published,
    resolve,
    scenario_domains,
    scenarios_of,
)
from cmrbridge.plan.consent import is_admitted, read_forgotten
from cmrbridge.plan.downloads import awaited, sources_of
from cmrbridge.plan.export import exportable, some, translators
from cmrbridge.plan.fingerprint import fingerprint
from cmrbridge.plan.followings import followings_of
from cmrbridge.plan.generators import candidates_of
from cmrbridge.plan.grid import (
    applied,
    by_keys,
    doses,
    grid,
    largest_ratio,
    networks_used,
    probed,
    training_settings,
    trainings,
)
from cmrbridge.plan.nnunet import (
    check_environment,
    nnunet_lock,
    nnunet_python,
    nnunet_settings,
)
from cmrbridge.plan.orphans import refuse_orphans

TABLE = Path(workflow.basedir) / "resources" / "datasets.tsv"

try:
    STUDY = resolve(config)
    FOLLOWED = followings_of(STUDY)
    FORGOTTEN = read_forgotten(Path("results"))
    DOWNLOADED = {
        name: sources_of(TABLE, name) for name in awaited(STUDY, datasets_of(STUDY))
    }
except InputError as error:
    raise WorkflowError(str(error))

RUNS = grid(STUDY)
RUN_AT = by_keys(RUNS)
PROBED = probed(RUNS, STUDY)
APPLIED = applied(RUNS, STUDY)
DOSES = doses(STUDY)
EXPORTABLE = exportable(RUNS, STUDY)
TRANSLATORS = translators(RUNS, EXPORTABLE)
TESTED = sorted({domain for tested in RUNS.tested for domain in tested})

RESULTS = f"results/{STUDY['study']}"
DOWNLOADS = Path(os.path.expandvars(STUDY["downloads"])).expanduser()
PHANTOM = f"{RESULTS}/phantom/{{dataset}}"
DICOM = f"{RESULTS}/dicom/{{dataset}}"
ADMITTED = f"{RESULTS}/admitted/{{dataset}}"
INGEST = f"{RESULTS}/ingest/{{dataset}}"
CHECK = f"{RESULTS}/check"
DUPLICATES = f"{RESULTS}/ingest/duplicates.csv"
READY = f"{RESULTS}/data/.ready"  # no domain can be called so
DATA = f"{RESULTS}/data/{{domain}}"
MASKS = f"{RESULTS}/masks/{{source}}/seed-{{generator_seed}}"
SYNTHESIS = f"{RESULTS}/synthesis/{{source}}/seed-{{generator_seed}}"
TRANSLATION = f"{RESULTS}/translation/{{source}}/seed-{{generator_seed}}"
RENDERED = f"{SYNTHESIS}/render/{{moment}}"
FIDELITY = f"{RESULTS}/fidelity/{{source}}/seed-{{generator_seed}}/{{moment}}"
EXPORT = f"{RESULTS}/export/{{source}}/seed-{{generator_seed}}/{{moment}}"
MODEL = f"{RESULTS}/export/{{pick}}"
PRIVACY = f"{RESULTS}/privacy/{{source}}/seed-{{generator_seed}}/{{moment}}"
SEGMENTATION = (
    f"{RESULTS}/segmentation/{{scenario}}/{{arm}}/{{architecture}}/seed-{{seed}}"
)
PREDICTIONS = (
    f"{RESULTS}/predictions/{{scenario}}/{{arm}}/{{architecture}}/seed-{{seed}}"
)
SCORES = (
    f"{RESULTS}/evaluation/runs/{{scenario}}/{{arm}}/{{architecture}}/seed-{{seed}}"
)
APPLY = f"{RESULTS}/applied"
SHIFT = f"{RESULTS}/shift"
FEATURES = f"{SHIFT}/features/{{scenario}}/{{arm}}/{{architecture}}/seed-{{seed}}"
EVALUATION = f"{RESULTS}/evaluation"
PAPER = f"{RESULTS}/paper"
TRACKING = f"{RESULTS}/tracking"

ENVIRONMENT = "../../envs/environment.yaml"
CAGED = "nnunet2d|nnunet3d"
NNUNET = {
    "python": str(nnunet_python(STUDY, Path(workflow.basedir))),
    "lock": nnunet_lock(Path(workflow.basedir)),
}
NOMINAL = [  # domains whose millimetres are no measurement
    domain
    for domain in domains_of(STUDY)
    if STUDY["datasets"][STUDY["domains"][domain]["dataset"]].get("nominal_mm")
]
GPUS = 1 if STUDY["preset"] in ("gpu", "reconstructed") else 0


wildcard_constraints:
    dataset="[^/]+",
    domain="[^/]+",
    source="[^/]+",
    scenario="[^/]+",
    arm="[^/]+",
    architecture="[^/]+",
    method="[^/]+",
    part="training|test",
    moment=r"end|step-\d+",
    form="nifti|png",
    pick="fast|accurate",
    seed=r"\d+",
    generator_seed=r"\d+",


@cache
def code(script, entry, *selected):
    """Digest of the library code, and of the adapter script, that a job runs: made once for all jobs of a kind."""
    return fingerprint(
        entry,
        *selected,
        script=Path(workflow.basedir) / "workflow" / "scripts" / f"{script}.py",
    )


def more(amount):
    """The amount times the attempt: a job that memory or time did not suffice for gets more when it is tried again.

    (Trainings go on where they were stopped: they get more memory alone.) Never more than three times the amount: one
    that time limits end again and again would at last ask for more than any machine has.
    """
    return lambda wildcards, attempt: amount * min(attempt, 3)


def dataset_of(domain):
    return STUDY["domains"][domain]["dataset"]


def licence_of(wildcards):
    return STUDY["datasets"][dataset_of(wildcards.source)].get("licence", "")


def run_at(wildcards):
    """The grid's row of a run's wildcards."""
    return RUN_AT[
        wildcards.scenario, wildcards.arm, wildcards.architecture, wildcards.seed
    ]


def over(runs, pattern):
    """The pattern filled in for each of these rows of the grid."""
    return expand(
        pattern,
        zip,
        scenario=runs.scenario,
        arm=runs.arm,
        architecture=runs.architecture,
        seed=runs.seed,
    )


def every_run(pattern):
    """The pattern filled in for each run of the grid."""
    return over(RUNS, pattern)


def every_training(pattern):
    """The pattern filled in for each run that trains a network of its own."""
    return over(trainings(RUNS), pattern)


def generator_sources():
    """Source domains for which a generator is asked for."""
    return list(dict.fromkeys(RUNS[RUNS.synthetic != ""].source))


def every_generator(pattern):
    return expand(
        pattern, source=generator_sources(), generator_seed=STUDY["generator_seed"]
    )


def escaped(pattern):
    """The pattern with its wildcards doubled, as gather needs those that it is not to fill in."""
    return pattern.replace("{", "{{").replace("}", "}}")


def asked_sets():
    """Source and moment of the training of each generated set that an arm asks for."""
    return RUNS[RUNS.synthetic != ""][["source", "synthetic"]].drop_duplicates()


def step_of(moment):
    return None if moment == "end" else int(moment.removeprefix("step-"))


def every_set(pattern):
    """The pattern filled in for each of `asked_sets`."""
    asked = asked_sets()
    return expand(
        pattern,
        zip,
        source=asked.source,
        moment=asked.synthetic,
        generator_seed=[STUDY["generator_seed"]] * len(asked),
    )


def every_translation(pattern):
    """The pattern filled in for each source of which an image diffusion model is asked for, and each method there."""
    asked = RUNS.melt("source", ["translated", "test_translation"], value_name="method")
    asked = asked[asked.method != ""][["source", "method"]].drop_duplicates()
    seed = STUDY["generator_seed"]
    filled = expand(
        pattern,
        zip,
        source=asked.source,
        method=asked.method,
        generator_seed=[seed] * len(asked),
    )
    return list(dict.fromkeys(filled))
