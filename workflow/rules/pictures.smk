"""The pictures of the report: where each lies, its title and its caption.

Needs   STUDY, RUNS and the folders of common.smk, functions of inputs.smk
Makes   functions; no rule
"""

FIGURES = f"{PAPER}/figures"
# overlays and agreement show one scenario, architecture and seed: the first of the study
SHOWN = RUNS.iloc[0]
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
    "factors": "What each attribute's levels add to the Dice of slices, in points with 95 % intervals over n subjects, the others held (within subjects where they have several levels, else between them; p after Holm over the levels); what was trained is tested in the comparisons, and levels that the scans do not tell apart are named.",
    "curves": "Training loss and validation Dice (the source's own validation subjects) by arm and seed; n training runs.",
    "ranks": "Mean rank of each arm over n test subjects, 1 is best, with Friedman's test; bars are half of Nemenyi's critical difference (CD, 5 % over all pairs) to either side. Two arms differ where their bars do not overlap; filled dots differ from the baseline (grey band). The oracle is left out.",
}
LEAST_REMEDIES = {"forest": 2, "ranks": 3}  # arms that there must be to compare
PAGES = {  # a picture per target
    "distributions": "Every metric by arm and structure: one dot per test subject (mean over phases and seeds; n above), quartiles, whiskers of 1.5 interquartile ranges. Distances in mm.",
    "agreement": "Left: predicted minus reference against the mean of both, one mark per test subject (mean over seeds), with the bias, the 95 % limits of agreement (in brackets) and their 95 % confidence intervals as bands (other subjects, these trainings). Right: prediction against reference, Pearson's r and Lin's concordance (CCC). Volumes in mL, ejection fraction in %, n below.",
    "overlays": "The best, median and worst of all cases by the baseline arm's mean Dice over structures, first seed: image, reference and every arm, with the Dice of the whole case, on the slice of the largest reference area.",
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
    """Every picture of the report in its order."""
    drawn = {
        name: caption
        for name, caption in (CAPTIONS | (DOSE_CAPTIONS if DOSES else {})).items()
        if len(REMEDIES) >= LEAST_REMEDIES.get(name, 1)
    }
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
