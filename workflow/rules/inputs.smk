"""What the rules read and what their settings are, as functions of a job's wildcards.

Needs   STUDY, RUNS and the folders of common.smk
Makes   functions; no rule
"""

FIGURES = f"{PAPER}/figures"
SHOWN = RUNS.iloc[
    0
]  # overlays and agreement show one scenario, architecture and seed: the first of the study
AGREEMENT_ARMS = [
    arm
    for arm in dict.fromkeys(
        STUDY["comparisons"][key] for key in ("reference", "baseline", "primary_arm")
    )
    if arm in STUDY["run"]["arms"]
]
REMEDIES = [arm for arm in STUDY["run"]["arms"] if arm != "oracle"]

DOSE_CAPTIONS = {
    "doses": "What generated pairs add to the baseline on all targets, in points of Dice, with 95 % intervals: by how many there are, from how many real subjects, and how good they are.",
}
SHIFT_PICTURE = {
    "path": f"{SHIFT}/shift.png",
    "title": "How large the shift is",
    "caption": "How well fresh readers tell the classes apart, held out by subject, with 95 % intervals; the dashed line is chance. Below: which domain was taken for which.",
}
SETS = [
    (
        f"{RENDERED}/gallery.png",
        "SPADE synthesis",
        "In fours: sampled mask, the image drawn for it, the nearest real mask and its image.",
    ),
    (
        f"{FIDELITY}/fidelity.png",
        "Fidelity",
        "The generated pairs beside halves of the real subjects, at n slices each: medians with 2.5 to 97.5 % ranges; mask fidelity: Dice of the frozen segmenter on generated and on held-out real images.",
    ),
    (
        f"{FIDELITY}/shapes.png",
        "Shapes of masks",
        "Generated masks (filled) and held-out real ones (line).",
    ),
    (
        f"{PRIVACY}/copies.png",
        "Nearest to a training image",
        "Left, in pairs: generated image and nearest training slice, the nearest first. Right, in pairs: image rendered from a training mask, and the true image.",
    ),
]
CAPTIONS = {
    "gap": "Mean Dice over structures: what was trained (source and arm) against where it was tested; in brackets the number of test subjects.",
    "forest": "Each arm minus the baseline on the test subjects of each target, vendor and pathology (n beside the names): mean over subjects with the 95 % interval of the paired t-test. Filled: the interval leaves out 0. An arrow goes on beyond the axis. Exploratory: not corrected for the number of groups.",
    "factors": "What each attribute's levels add to the Dice of slices, in points with 95 % intervals, the others held (a mixed model with the subject as random effect; n subjects); levels that the scans do not tell apart are named.",
    "curves": "Training loss and validation Dice (the source's own validation subjects) by arm and seed; n training runs.",
}
RANKS_CAPTION = {
    "ranks": "Mean rank of each arm over n test subjects, 1 is best, with Friedman's test; bars are half of Nemenyi's critical difference (CD, 5 % over all pairs) to either side. Two arms differ where their bars do not overlap; filled dots differ from the baseline (grey band). The oracle is left out.",
}
PAGES = {  # a picture per target
    "distributions": "Every metric by arm and structure: one dot per test subject (mean over phases and seeds; n above), quartiles, whiskers of 1.5 interquartile ranges. Distances in mm.",
    "agreement": "Left: predicted minus reference against the mean of both, one mark per test subject (mean over seeds), with the bias, the 95 % limits of agreement (in brackets) and their 95 % confidence intervals as bands. Right: prediction against reference, Pearson's r and Lin's concordance (CCC). Volumes in mL, ejection fraction in %, n below.",
    "overlays": "The best, median and worst of all cases by the baseline arm's mean Dice over structures, first seed: image, reference and every arm, with the Dice of the whole case, on the slice of the largest reference area.",
}


def dataset_folder(wildcards):
    dataset = STUDY["datasets"][wildcards.dataset]
    if dataset["reader"] == "phantom":
        return f"{RESULTS}/phantom/{wildcards.dataset}/files"
    return dataset["path"]


def ingest_settings(wildcards):
    dataset = STUDY["datasets"][wildcards.dataset]
    kept = ("labels", "vendor", "licence")
    return {
        "dataset": wildcards.dataset,
        "reader": "manifest" if dataset["reader"] == "phantom" else dataset["reader"],
        **{key: dataset[key] for key in kept if key in dataset},
        **STUDY["image"],
    }


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


def shown(pattern):
    """The pattern for every arm of the scenario, architecture and seed that the overlays show."""
    return expand(
        pattern,
        scenario=SHOWN.scenario,
        arm=STUDY["run"]["arms"],
        architecture=SHOWN.architecture,
        seed=SHOWN.seed,
    )


def galleries():
    """Pictures of the data and of the generators with title and caption: what the report shows besides its figures."""
    found = [
        {
            "path": f"{RESULTS}/ingest/{dataset}/qc.png",
            "title": f"The data: {dataset}",
            "caption": "Middle slices of its subjects with the reference contours, and their grey values.",
        }
        for dataset in datasets_of(STUDY)
    ]
    return found + generator_galleries() + set_galleries() + translation_galleries()


def generator_galleries():
    return [
        {
            "path": path,
            "title": f"Label diffusion: {source}",
            "caption": "Left: masks sampled from noise. Right: real masks of the source.",
        }
        for source, path in zip(
            generator_sources(), every_generator(f"{MASKS}/sample/gallery.png")
        )
    ]


def set_galleries():
    """Of each generated set: its pairs, its fidelity, its shapes, and what comes nearest to a training image."""
    names = [
        one.source if one.synthetic == "end" else f"{one.source}, {one.synthetic}"
        for one in asked_sets().itertuples()
    ]
    return [
        {"path": path, "title": f"{title}: {name}", "caption": caption}
        for pattern, title, caption in SETS
        for name, path in zip(names, every_set(pattern))
    ]


def translation_galleries():
    """The source's training slices as each method redraws them, and each target's test slices."""
    found = {}
    for run in RUNS.itertuples():
        if run.translated:
            for path in translated(
                run.source, run.translated, [run.source], "training"
            ):
                found[path] = f"{run.translated}, training slices of {run.source}"
        for domain in run.tested if run.test_translation else []:
            path = translated(run.source, run.test_translation, [domain], "test")[0]
            found[path] = (
                f"{run.test_translation}, {domain} in the look of {run.source}"
            )
    caption = "Above: before. Middle: after. Below: what changed."
    return [
        {
            "path": path.replace("images.npz", "gallery.png"),
            "title": f"Translation: {name}",
            "caption": caption,
        }
        for path, name in found.items()
    ]


def target_pages():
    """The figures that have a picture per target."""
    tested = {"distributions": TESTED}
    return [
        {
            "path": f"{FIGURES}/{name}/{domain}.png",
            "title": f"{name.capitalize()}: {domain}",
            "caption": caption,
        }
        for name, caption in PAGES.items()
        for domain in tested.get(name, SHOWN.tested)
    ]


def pictures():
    """Every picture of the report in its order. Two arms are compared by the forest plot; ranks begin at three."""
    drawn = (
        CAPTIONS
        | (RANKS_CAPTION if len(REMEDIES) > 2 else {})
        | (DOSE_CAPTIONS if DOSES else {})
    )
    return (
        [
            {
                "path": f"{FIGURES}/{name}.png",
                "title": name.capitalize(),
                "caption": caption,
            }
            for name, caption in drawn.items()
        ]
        + target_pages()
        + ([SHIFT_PICTURE] if shift_tables("scores") else [])
        + galleries()
    )
