"""What the rules read and what their settings are, as functions of a job's wildcards.

Needs   STUDY, RUNS and the folders of common.smk
Makes   functions; no rule
"""

FIGURES = f"{PAPER}/figures"
SHOWN = RUNS.iloc[
    0
]  # overlays show one scenario, architecture and seed: the first of the study

CAPTIONS = {
    "gap": "Mean Dice over structures: what was trained (source and arm) against where it was tested.",
    "distributions": "Every metric by arm and target: one dot per test subject (mean over phases and seeds).",
    "overlays": "Best, median and worst case of each target by the baseline arm's Dice, first seed: the reference and every arm.",
    "curves": "Training loss and validation Dice (the source's own validation subjects) by arm and seed.",
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
    return f"{RESULTS}/synthesis/{run.source}/seed-{STUDY['generator_seed']}/render/images.npz"


def largest_ratio():
    """Synthetic slices per real one that the most demanding arm asks for."""
    arms = [STUDY["arms"][arm]["synthetic"] for arm in STUDY["run"]["arms"]]
    return max((arm["ratio"] for arm in arms if arm), default=0.0)


def segmenter_settings(wildcards):
    """The run's own settings: the shared sizes, the architecture's name and the arm's recipe."""
    arm = STUDY["arms"][wildcards.arm]
    return {
        **STUDY["segmentation"],
        "architecture": wildcards.architecture,
        "augment": STUDY["augmentations"][arm["augment"]],
        "ratio": arm["synthetic"]["ratio"] if arm["synthetic"] else 0.0,
        "adversarial": (
            STUDY["adversarial"][arm["adversarial"]] if arm["adversarial"] else None
        ),
    }


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
    for source in generator_sources():
        seed = STUDY["generator_seed"]
        found += [
            {
                "path": f"{RESULTS}/masks/{source}/seed-{seed}/sample/gallery.png",
                "title": f"Label diffusion: {source}",
                "caption": "Left: masks sampled from noise. Right: real masks of the source.",
            },
            {
                "path": f"{RESULTS}/synthesis/{source}/seed-{seed}/render/gallery.png",
                "title": f"SPADE synthesis: {source}",
                "caption": "In fours: sampled mask, the image drawn for it, the nearest real mask and its image.",
            },
        ]
    return found


def pictures():
    """Every picture of the report in its order."""
    return [
        {
            "path": f"{FIGURES}/{name}.png",
            "title": name.capitalize(),
            "caption": caption,
        }
        for name, caption in CAPTIONS.items()
    ] + galleries()
