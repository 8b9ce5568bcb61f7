"""The pictures of the report: where each lies, its title and its caption.

Needs   STUDY, RUNS and the folders of common.smk, functions of inputs.smk
Makes   functions; no rule
"""

FIGURES = f"{PAPER}/figures"
# overlays and agreement show one scenario and architecture, overlays one seed: the first of the study
SHOWN = RUNS.iloc[0]
NETWORK = f"Shown: {SHOWN.architecture} trained on {SHOWN.source}"
AGREEMENT_ARMS = [
    arm
    for arm in dict.fromkeys(
        STUDY["comparisons"][key] for key in ("reference", "baseline", "primary_arm")
    )
    if arm in STUDY["run"]["arms"]
]
REMEDIES = [arm for arm in STUDY["run"]["arms"] if arm != "oracle"]

DOSE_CAPTIONS = {
    "doses": "What generated pairs add to the baseline on all targets, in points of Dice, with 95 % intervals: by how many there are, from how many real subjects, and how good they are. Beside the points of the panel of quality: after how many steps of the generator's training its pairs were drawn (end: fully trained).",
}
SHIFT_PICTURE = {
    "path": f"{SHIFT}/shift.png",
    "title": "How large the shift is",
    "caption": "How well fresh readers tell the classes apart, held out by subject, with 95 % intervals over subjects; the dashed line is chance. Of several readers the one that was right most often is shown, which by itself adds some points, more with few subjects; intervals near 1 are too narrow. Below: which class was taken for which.",
    "counted": {"shift": True},
}
SETS = [  # pattern, title, caption, and what of the source's training subjects is shown
    (
        f"{RENDERED}/gallery.png",
        "SPADE synthesis",
        "In fours: sampled mask, the image drawn for it, the nearest real mask and its image.",
        "At most 24 fours, the real slices from among those",
    ),
    (
        f"{FIDELITY}/fidelity.png",
        "Fidelity",
        "The generated pairs beside halves of the real subjects, at n slices each: medians with 2.5 to 97.5 % ranges; mask fidelity: Dice of the frozen segmenter on generated and on held-out real images.",
        "",
    ),
    (
        f"{FIDELITY}/shapes.png",
        "Shapes of masks",
        "Generated masks (filled) and held-out real ones (line), n above.",
        "",
    ),
    (
        f"{PRIVACY}/copies.png",
        "Nearest to a training image",
        "Left, in pairs: generated image and nearest training slice, the nearest first. Right, in pairs: image rendered from a training mask, and the true image.",
        f"At most {STUDY['privacy'].get('shown', 24)} pairs a half, the real slices from among those",
    ),
]
CAPTIONS = {
    "gap": "Mean Dice over structures: what was trained (source and arm) against where it was tested; in brackets the number of test subjects.",
    "forest": "Each arm minus the baseline on the test subjects of each target, vendor and pathology (n beside the names): mean over subjects with the 95 % interval of the paired t-test. Filled: the interval leaves out 0. The common axis holds every mean; an arrow is an interval that goes on beyond it. Exploratory: not corrected for the number of groups.",
    "factors": "What each attribute's levels add to the Dice of slices, in points with 95 % intervals over n subjects, the others held (within subjects where they have several levels, else between them; pathologies that only some data sets have, within those; p after Holm over the levels); what was trained is tested in the comparisons, an arrow is an interval that goes on beyond the axis, and levels that the scans do not tell apart are named.",
    "curves": f"Training loss and validation Dice (the source's own validation subjects) by arm (colour) and seed (line), against steps or, for nnU-Net, epochs. n = {len(trainings(RUNS))} training runs; an arm that shares another's training has no line.",
    "ranks": "Mean rank of each arm over n test subjects, 1 is best, with Friedman's test; bars are half of Nemenyi's critical difference (CD, 5 % over all pairs) to either side. Two arms differ where their bars do not overlap; a filled dot's arm differs from the baseline, whose bar the grey band extends and whose own dot is open. The oracle is left out.",
}
LEAST_REMEDIES = {"forest": 2, "ranks": 3}  # arms that there must be to compare
PAGES = {  # a picture per target
    "distributions": "Every metric by arm and structure: one dot per test subject (mean over phases and seeds; n above), quartiles, whiskers of 1.5 interquartile ranges. Distances in mm.",
    "agreement": f"Left: predicted minus reference against the mean of both, one mark per test subject (mean over seeds), with the bias, the 95 % limits of agreement (in brackets) and their 95 % confidence intervals as bands (other subjects, these trainings), and the median error. Right: prediction against reference, Pearson's r and Lin's concordance (CCC). An axis ends at most three interquartile ranges beyond the quartiles of its marks; a mark beyond is an arrow at the edge, with how many there are and the furthest one's value. An ejection fraction is over the predicted end-diastolic volume and has no bound where that is almost 0. Volumes in mL, ejection fraction in %, n below. {NETWORK}, mean over seeds; other networks are in agreement.csv.",
    "overlays": f"The best, median and worst of all cases by the baseline arm's mean Dice over structures, first seed: image, reference and every arm, with the Dice of the whole case, on the slice of the largest reference area. n = 3 cases. {NETWORK}, seed {SHOWN.seed}. Chosen from:",
}
SHOWN_SCORES = {"source": SHOWN.source, "architecture": SHOWN.architecture}
PAGE_SCORES = {  # what of cases.csv a page shows beside its target
    "agreement": SHOWN_SCORES,
    "overlays": SHOWN_SCORES | {"seed": int(SHOWN.seed)},
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
            "caption": "Middle slices of its subjects with the reference contours (LV vermilion, myocardium with its cavity yellow, RV blue), and their grey values.",
            "counted": {"data": dataset},
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
            "counted": trained_on(
                source, "At most 40 masks a side, the real ones from among those"
            ),
        }
        for source, path in zip(
            generator_sources(), every_generator(f"{MASKS}/sample/gallery.png")
        )
    ]


def trained_on(source, shown):
    return {"labelled": source, "splits": ["train"], "shown": shown, "whole": True}


def set_galleries():
    """Of each generated set: its pairs, its fidelity, its shapes, and what comes nearest to a training image."""
    found = []
    for pattern, title, caption, shown in SETS:
        for one, path in zip(asked_sets().itertuples(), every_set(pattern)):
            moment = "" if one.synthetic == "end" else f", {one.synthetic}"
            found.append(
                {
                    "path": path,
                    "title": f"{title}: {one.source}{moment}",
                    "caption": caption,
                    "counted": trained_on(one.source, shown) if shown else {},
                }
            )
    return found


def translation_galleries():
    """The source's training slices as each method redraws them, and each target's test slices."""
    found = {}
    for run in RUNS.itertuples():
        if run.translated:
            for path in translated(
                run.source, run.translated, [run.source], "training"
            ):
                title = f"{run.translated}, training slices of {run.source}"
                found[path] = title, run.source, ["train", "val"]
        for domain in run.tested if run.test_translation else []:
            path = translated(run.source, run.test_translation, [domain], "test")[0]
            title = f"{run.test_translation}, {domain} in the look of {run.source}"
            found[path] = title, domain, ["test"]
    caption = "Above: before. Middle: after. Below: what changed."
    return [
        {
            "path": path.replace("images.npz", "gallery.png"),
            "title": f"Translation: {title}",
            "caption": caption,
            "counted": {
                "labelled": domain,
                "splits": splits,
                "shown": "At most 12 slices, evenly spread over those",
            },
        }
        for path, (title, domain, splits) in found.items()
    ]


def target_pages():
    """The figures that have a picture per target."""
    tested = {"distributions": TESTED}
    return [
        {
            "path": f"{FIGURES}/{name}/{domain}.png",
            "title": f"{name.capitalize()}: {domain}",
            "caption": caption,
            "counted": {"scores": {"target": domain} | PAGE_SCORES.get(name, {})},
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
                "counted": {} if name == "curves" else {"scores": {}},
            }
            for name, caption in drawn.items()
        ]
        + target_pages()
        + ([SHIFT_PICTURE] if shift_tables("scores") else [])
        + galleries()
    )
