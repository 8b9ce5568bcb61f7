"""What the report and the model cards say of a study's config, as functions.

Needs   STUDY and RUNS of common.smk
Makes   functions; no rule
"""

from cmrbridge.plan import words
from cmrbridge.plan.claims import confounded


def about_study():
    access = RUNS.groupby("arm").access.agg(lambda seen: ", ".join(sorted(set(seen))))
    readers = {name: STUDY["datasets"][name]["reader"] for name in datasets_of(STUDY)}
    return {
        "study": STUDY["study"],
        "config_text": published(config),
        "reference": STUDY["comparisons"]["reference"],
        "notes": [*STUDY["notes"], *confounded(STUDY)],
        "access": access.to_dict(),
        "arms": words.arms(STUDY, RUNS),
        "augmentations": words.augmentations(STUDY),
        "trained_as": networks_used(RUNS),
        "scenarios": {name: one["source"] for name, one in scenarios_of(STUDY).items()},
        "roles": {
            domain: words.roles(STUDY, RUNS, domain) for domain in domains_of(STUDY)
        },
        "readers": readers,
        "nominal": NOMINAL,
        "conditions": STUDY["comparisons"]["verdict"],
        "follows": FOLLOWED,
        "facts": {
            "size": STUDY["image"]["size"],
            "spacing": STUDY["image"]["spacing_mm"],
            "split_seed": STUDY["split"]["seed"],
            "ensembles": words.averaged(STUDY, RUNS),
        },
    }


def identity_of(wildcards):
    """What the card says of a run's network, and of what it is helped by when it is tested."""
    run = run_at(wildcards)
    own = {
        "trained_as": run.trained_as,
        "at_test": words.at_test(STUDY, run),
        "alone": words.alone(STUDY, RUNS, run),
    }
    return identity_at(run) | own


def identity_at(run):
    """What the network of a row of the grid learnt from."""
    beside = [
        *(["generated pairs"] if run.synthetic else []),
        *([f"its images redrawn by {run.translated}"] if run.translated else []),
        *(
            [f"images without outlines of {', '.join(run.unlabelled)}"]
            if run.unlabelled
            else []
        ),
    ]
    return {
        "study": STUDY["study"],
        "source": run.source,
        "arm": run.arm,
        "architecture": run.architecture,
        "seed": int(run.seed),
        "training": run.training,
        "beside": beside,
        "access": run.access,
    }


def carded_domains(wildcards):
    """Domains that the run's network was trained on or tested on."""
    run = run_at(wildcards)
    return list(dict.fromkeys([*run.training, *run.tested]))
