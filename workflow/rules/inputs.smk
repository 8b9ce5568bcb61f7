"""What the rules read and what their settings are, as functions of a job's wildcards.

Needs   STUDY, RUNS and the folders of common.smk
Makes   functions; no rule
"""

from types import SimpleNamespace

# data sets that a rule makes, or turns into NIfTI files, with a manifest
MADE = ("phantom", "dicom")


def raw_folder(wildcards):
    """The data set as its owner keeps it, or as a rule made it."""
    dataset = STUDY["datasets"][wildcards.dataset]
    if dataset["reader"] in MADE:
        return f"{RESULTS}/{dataset['reader']}/{wildcards.dataset}/files"
    return dataset["path"]


def admitted(name):
    return is_admitted(name, STUDY["datasets"][name], FORGOTTEN)


def dataset_folder(wildcards):
    if admitted(wildcards.dataset):
        return f"{RESULTS}/admitted/{wildcards.dataset}/files"
    return raw_folder(wildcards)


def raw_settings(wildcards, *kept):
    """How the data set is read: its reader, and of the keys ``kept`` those that the study gives."""
    dataset = STUDY["datasets"][wildcards.dataset]
    return {
        "dataset": wildcards.dataset,
        "reader": "manifest" if dataset["reader"] in MADE else dataset["reader"],
        **{key: dataset[key] for key in kept if key in dataset},
    }


def ingest_settings(wildcards):
    settings = raw_settings(wildcards, "labels", "vendor", "licence")
    if admitted(wildcards.dataset):
        settings["reader"] = "manifest"
    return {**settings, **STUDY["image"]}


def admit_settings(wildcards):
    dataset = STUDY["datasets"][wildcards.dataset]
    return {
        **raw_settings(wildcards, "labels", "vendor"),
        "pseudonymise": dataset.get("pseudonymise", False),
        **left_out(wildcards),
    }


def left_out(wildcards):
    """The keys of people who are to be forgotten, where there are any: params of other studies stay as they are."""
    keys = FORGOTTEN.get(wildcards.dataset)
    return {"forgotten": list(keys)} if keys else {}


def checked():
    """The data sets that the study touches, as wildcards."""
    return [SimpleNamespace(dataset=name) for name in datasets_of(STUDY)]


def check_settings():
    """How each data set's files are read: nothing of the image that a study makes of them."""
    kept = ("dataset", "reader", "labels", "vendor")
    return [
        {key: value for key, value in ingest_settings(one).items() if key in kept}
        for one in checked()
    ]


def synthetic_pairs(wildcards):
    run = run_at(wildcards)
    if not run.synthetic:
        return []
    folder = f"{RESULTS}/synthesis/{run.source}/seed-{STUDY['generator_seed']}/render"
    return f"{folder}/{run.synthetic}/images.npz"


def pairs_per_slice(moment):
    """One at least, as far as there are masks: sets are compared along the training at equal n."""
    asked = largest_ratio(STUDY, moment)
    return max(asked, min(1.0, largest_ratio(STUDY)))


def synthesis_model(wildcards):
    """The generator at the end of its training, or as it was at a step."""
    folder = (
        f"{RESULTS}/synthesis/{wildcards.source}/seed-{wildcards.generator_seed}/train"
    )
    name = "model" if wildcards.moment == "end" else wildcards.moment
    return f"{folder}/{name}.safetensors"


def translated_pack(wildcards):
    """The source's training pack in the look that the arm's translation gives it, or nothing."""
    run = run_at(wildcards)
    if not run.translated:
        return []
    return translated(run.source, run.translated, [run.source], "training")[0]


def translated_tests(wildcards):
    run = run_at(wildcards)
    return (
        translated(run.source, run.test_translation, run.tested, "test")
        if run.test_translation
        else []
    )


def reference_images(wildcards):
    """Images of the source's training subjects, where the test-time method matches to them."""
    run = run_at(wildcards)
    if not run.test_time or STUDY["test_time"][run.test_time]["method"] != "histogram":
        return []
    return expand(f"{DATA}/images.npz", domain=run.source)[0]


def test_time_module(wildcards):
    """The module of the run's test-time method, whose code its predictions depend on besides."""
    name = run_at(wildcards).test_time
    method = STUDY["test_time"][name]["method"] if name else None
    return [f"cmrbridge.segmentation.test_time.{method}"] if method else []


def translated(source, method, domains, part):
    seed = STUDY["generator_seed"]
    folder = f"{RESULTS}/translation/{source}/seed-{seed}/{method}"
    return [f"{folder}/{domain}/{part}/images.npz" for domain in domains]


def model_used(wildcards):
    """The network of the arm that this one shares its training with."""
    own = {**wildcards, "arm": run_at(wildcards).trained_as}
    return expand(f"{SEGMENTATION}/model.safetensors", **own)[0]


def translation_candidates(wildcards):
    """What the choice is made from, with how much of the validation volumes it sees."""
    settings = STUDY["translation"]
    return {
        "settings": candidates_of(settings["methods"][wildcards.method]),
        "slices": settings["slices"],
        "batch": settings["batch"],
    }


def choice_settings(wildcards):
    """What is tried, and whether the best of it is taken whatever it does: that alone renders nothing anew."""
    method = STUDY["translation"]["methods"][wildcards.method]
    return translation_candidates(wildcards) | {"insist": method.get("insist", False)}


def probed_domains(scenario):
    """The source and the domains that adversarial training is to make like it; all targets where there are none."""
    settings = STUDY["scenarios"][scenario]
    return [settings["source"], *(settings["unlabelled"] or settings["targets"])]


def reader_settings():
    return {key: STUDY["shift"][key] for key in ("folds", "steps", "seed")}


def looks(source):
    """The test images of a source and its targets: as they are, and with the targets as each method redraws them."""
    own = RUNS[RUNS.source == source]
    domains = own.iloc[0].tested
    packs = expand(f"{DATA}/test.npz", domain=domains)
    methods = [method for method in own.test_translation.unique() if method]
    redrawn = {
        method: [packs[0], *translated(source, method, domains[1:], "test")]
        for method in methods
    }
    return [
        {"name": name, "domains": domains, "packs": each}
        for name, each in {"before": packs, **redrawn}.items()
    ]


def shift_tables(name):
    """The tables "scores" or "confusion" of all that the study measures of its shift."""
    asked = STUDY["shift"]
    sources = RUNS.source.unique() if asked["domains"] else []
    return [
        *([f"{SHIFT}/probe/{name}.csv"] if asked["probe"] else []),
        *expand(f"{SHIFT}/domains/{{source}}/{name}.csv", source=sources),
        *([f"{SHIFT}/pathology/{name}.csv"] if asked["pathology"] else []),
    ]


JUDGED = generator_sources() or every_translation("{method}")
JUDGE = judge_of(STUDY) if JUDGED else None
JUDGE_ARCHITECTURE = judge_architecture(STUDY) if JUDGED else None


def judge_model(wildcards):
    """The frozen segmenter of a source: trained on its real images alone, first 2-D architecture, first seed."""
    its = RUNS[
        (RUNS.source == wildcards.source)
        & (RUNS.arm == JUDGE)
        & (RUNS.architecture == JUDGE_ARCHITECTURE)
    ].iloc[0]
    own = its.to_dict() | {"arm": its.trained_as}
    return expand(f"{SEGMENTATION}/model.safetensors", **own)[0]


def judge_code(script):
    return code(
        script,
        "cmrbridge.segmentation.label",
        f"cmrbridge.segmentation.architectures.{JUDGE_ARCHITECTURE}",
    )


def segmenter_settings(wildcards):
    return training_settings(STUDY, wildcards.arm, wildcards.architecture)


def caged_settings(wildcards):
    return nnunet_settings(STUDY, wildcards.arm, wildcards.architecture)


def export_keys():
    """The runs to choose from, as plain data."""
    return [
        {"scenario": run.scenario, **identity_at(run)}
        for run in EXPORTABLE.itertuples()
    ]


def export_training():
    """Domains that trained one of the runs to choose from."""
    return list(dict.fromkeys(sum(EXPORTABLE.training, [])))


def of_translators(pattern):
    """The pattern filled in for each of TRANSLATORS, in their order."""
    seed = STUDY["generator_seed"]
    return [pattern.format(**keys, generator_seed=seed) for keys in TRANSLATORS]


def export_domains():
    """These, and those that such a run was tested on."""
    return list(dict.fromkeys([*export_training(), *sum(EXPORTABLE.tested, [])]))
