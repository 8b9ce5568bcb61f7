"""What the report and the model cards say of a study's config, as functions.

Needs   STUDY and RUNS of common.smk
Makes   functions; no rule
"""


def roles_of(domain):
    """What the chosen scenarios do with a domain, in words."""
    found = []
    for scenario in scenarios_of(STUDY).values():
        found += ["source"] if domain == scenario["source"] else []
        found += ["images without outlines"] if domain in scenario["unlabelled"] else []
        found += ["target"] if domain in scenario["targets"] else []
    found += ["segmented, never scored"] if domain in STUDY["apply"]["domains"] else []
    return list(dict.fromkeys(found))


def averaged():
    """Arms whose prediction is a mean, and over what."""
    arms = RUNS.drop_duplicates("arm")
    flips = [
        one.arm
        for one in arms.itertuples()
        if one.test_time and STUDY["test_time"][one.test_time]["method"] == "flip"
    ]
    both = list(arms.arm[arms.ensemble.astype(bool)])
    parts = [
        *([f"over mirror images: {', '.join(flips)}"] if flips else []),
        *([f"over original and redrawn image: {', '.join(both)}"] if both else []),
    ]
    return "Averaged " + "; ".join(parts) if parts else "None"


def about_study():
    access = RUNS.groupby("arm").access.agg(lambda seen: ", ".join(sorted(set(seen))))
    readers = {name: STUDY["datasets"][name]["reader"] for name in datasets_of(STUDY)}
    return {
        "study": STUDY["study"],
        "config_text": published(config),
        "reference": STUDY["comparisons"]["reference"],
        "notes": STUDY["notes"],
        "access": access.to_dict(),
        "trained_as": networks_used(RUNS),
        "scenarios": {name: one["source"] for name, one in scenarios_of(STUDY).items()},
        "roles": {domain: roles_of(domain) for domain in domains_of(STUDY)},
        "readers": readers,
        "nominal": [
            domain
            for domain in domains_of(STUDY)
            if STUDY["datasets"][STUDY["domains"][domain]["dataset"]].get("nominal_mm")
        ],
        "conditions": STUDY["comparisons"]["verdict"],
        "facts": {
            "size": STUDY["image"]["size"],
            "spacing": STUDY["image"]["spacing_mm"],
            "split_seed": STUDY["split"]["seed"],
            "ensembles": averaged(),
        },
    }


def identity_of(wildcards):
    """What the card says of a run's network."""
    return identity_at(run_at(wildcards))


def identity_at(run):
    """The same of a row of the grid."""
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
