"""What a study's config says of its arms and domains, in the words of the report and the model cards."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from cmrbridge.plan.architectures import CAGED
from cmrbridge.plan.config import Study
from cmrbridge.plan.nnunet import own_augmentation

AUGMENTED = {
    "mirror_chance": "mirroring",
    "geometry_chance": "rotation, scale and shift",
    "bias_chance": "bias field",
    "blur_chance": "blur",
    "coarse_chance": "coarser pixels",
    "contrast_chance": "contrast",
    "brightness_chance": "brightness",
    "gamma_chance": "gamma",
    "noise_chance": "noise",
    "fourier_chance": "amplitudes of other images' spectra",
    "nonlinear_chance": "random convolutions (GIN)",
    "painted_chance": "images painted from their masks",
}
TEST_TIME = {
    "flip": "the prediction averaged over mirror images",
    "histogram": "the test subject's grey values matched to the source's",
    "adabn": "batch norm by the test subject's own statistics",
    "tent": "batch norm adapted to the test subject (Tent)",
}


def augmentations(study: Study) -> dict[str, str]:
    """Augmentation of a chosen arm → what it disturbs; what disturbs nothing is left out."""
    asked = dict.fromkeys(study["arms"][arm]["augment"] for arm in study["run"]["arms"])
    caged = any(name in CAGED for name in study["run"]["architectures"])
    found: dict[str, str] = {}
    for name in asked:
        kinds = _disturbed(study, name)
        own = "; with nnU-Net, its own" if caged and name in study["nnunet"]["own_augmentation_for"] else ""
        found |= {name: ", ".join(kinds) + own} if kinds else {}
    return found


def _disturbed(study: Study, augmentation: str) -> list[str]:
    return [words for key, words in AUGMENTED.items() if study["augmentations"][augmentation].get(key)]


def arms(study: Study, runs: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Arm → "training" (the domains that it learns from), "does" (what it adds to them) and "at_test" (what it does
    with test images, or ""). runs: of `grid`."""
    return {
        str(arm): {
            "training": "; ".join(dict.fromkeys(_learnt_from(rows))),
            "does": _does(study, str(arm), rows),
            "at_test": at_test(study, next(rows.itertuples())),
        }
        for arm, rows in runs.groupby("arm", sort=False)
    }


def _learnt_from(rows: pd.DataFrame) -> list[str]:
    return [
        ", ".join(one.training)
        + (f"; images without outlines of {', '.join(one.unlabelled)}" if one.unlabelled else "")
        for one in rows.itertuples()
    ]


def _does(study: Study, name: str, rows: pd.DataFrame) -> str:
    arm, run = study["arms"][name], next(rows.itertuples())
    pairs, redrawn = arm["synthetic"], arm["translated"]
    step = f", from the generator after {pairs['step']} steps" if run.synthetic not in ("", "end") else ""
    shared = set(rows.trained_as) - {name}
    parts = [
        f"augmentation {arm['augment']}" if _disturbed(study, arm["augment"]) else "no augmentation",
        *([f"generated pairs, {pairs['ratio']:g} per real slice{step}"] if run.synthetic else []),
        *([_redrawn(redrawn)] if redrawn else []),
        *(
            [f"features that do not tell the domain ({arm['adversarial']}), and more of its own images a step"]
            if arm["adversarial"]
            else []
        ),
        *(["features mixed between images (MixStyle)"] if arm["mixstyle"] else []),
        *([f"at test time: {at_test(study, run)}"] if at_test(study, run) else []),
        *([f"network shared with {', '.join(sorted(shared))}"] if shared else []),
    ]
    return "; ".join(parts)


def _redrawn(translated: dict[str, Any]) -> str:
    place = "beside" if translated["keep_real"] else "in place of"
    return f"training images redrawn by {translated['method']} {place} the real ones"


def at_test(study: Study, run: Any) -> str:
    """What is done with the test images of a row of `grid`, besides asking its network; "" for nothing."""
    mean = ", averaged with the originals" if run.ensemble else ""
    redrawn = (
        f"test images redrawn by {run.test_translation} in the source's look{mean}" if run.test_translation else ""
    )
    return redrawn or (TEST_TIME[study["test_time"][run.test_time]["method"]] if run.test_time else "")


def alone(study: Study, runs: pd.DataFrame, run: Any) -> str:
    """The arm whose scores are those of the run's network by itself, or "" where the study has none."""
    trained = next(runs[(runs.arm == run.trained_as) & (runs.architecture == run.architecture)].itertuples())
    return "" if at_test(study, trained) else run.trained_as


def roles(study: Study, runs: pd.DataFrame, domain: str) -> list[str]:
    """What the runs do with a domain."""
    trained = runs[[domain in one.training and domain != one.source for one in runs.itertuples()]]
    shown = runs[[domain in unlabelled for unlabelled in runs.unlabelled]]
    tested = [domain in one.tested and domain != one.source for one in runs.itertuples()]
    found = [
        *(["source"] if domain in set(runs.source) else []),
        *([f"trains {_listed(trained.arm)}"] if len(trained) else []),
        *([f"images without outlines for {_listed(shown.arm)}"] if len(shown) else []),
        *(["target"] if any(tested) else []),
        *(["segmented, never scored"] if domain in study["apply"]["domains"] else []),
    ]
    return found or ["not used by any arm"]


def averaged(study: Study, runs: pd.DataFrame) -> str:
    """Arms whose prediction is a mean, and over what."""
    flips = runs[[bool(name) and study["test_time"][name]["method"] == "flip" for name in runs.test_time]]
    caged = runs[runs.architecture.isin(CAGED)]
    own = [study["nnunet"]["mirror"] and own_augmentation(study["arms"][arm], study) == "own" for arm in caged.arm]
    mirrored = caged[pd.Series(own, caged.index, dtype=bool)]
    both = runs[runs.ensemble.astype(bool)]
    parts = [
        *([f"over mirror images: {_listed(flips.arm)}"] if len(flips) else []),
        *(
            [f"over mirror images by {_listed(mirrored.architecture)}: {_listed(mirrored.arm)}"]
            if len(mirrored)
            else []
        ),
        *([f"over original and redrawn image: {_listed(both.arm)}"] if len(both) else []),
    ]
    return "Averaged " + "; ".join(parts) if parts else "None"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
