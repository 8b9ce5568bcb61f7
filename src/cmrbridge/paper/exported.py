"""What an exported model says of itself: model.json for programs, card.md for people, checksums over all its files."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import MEAN, read_cases, with_mean_structure
from cmrbridge.evaluation.scans import read_scans
from cmrbridge.files import write_atomically
from cmrbridge.paper.bundle import write_bundle
from cmrbridge.paper.cards import INTENDED_USE, between_seeds, by_vendor, limits, metrics_table, training_data
from cmrbridge.paper.records import Record, listed, read_record, schedule

ADAPT = "adapt.onnx"
FORMAT = 1  # of model.json: another means another thing
PERCENTILES = [0.5, 99.5]  # as data.ingest scales a volume
ROW = {
    "dice": ("dice", MEAN),
    "lv": ("dice", "LV"),
    "myo": ("dice", "MYO"),
    "rv": ("dice", "RV"),
    "hd95": ("hd95", MEAN),
}
KEPT = ("name", "source", "arm", "architecture", "seeds", "slices", "validation_dice", "fingerprint")


def describe_export(
    *,
    study: str,
    chosen: Path,
    unlike: Path,
    translator: Sequence[Path],
    records: Sequence[Path],
    cases: Sequence[Path],
    subjects: Sequence[Path],
    splits: Mapping[str, Path],
    folder: Path,
) -> None:
    """Complete ``folder``, which holds model.onnx and bundle/models/: model.json, card.md, bundle/configs/ and, last,
    checksums.json over all of these.

    chosen: what `segmentation.export` took; unlike: of `evaluation.unlike`; translator: graph and JSON of
    `translation.export`, which become adapt.onnx and a part of model.json, or nothing; records, cases: of every run
    that could have been taken; subjects: one table per data set; splits: split.csv of every domain trained on or
    tested on.
    """
    taken, people = _read(chosen), read_scans(subjects, splits)
    record = _record_of(taken, records)
    scored = _scores_of(taken, cases)
    about = {
        "format": FORMAT,
        "study": study,
        **{name: taken[name] for name in KEPT},
        "image": {"size": taken["size"], "spacing_mm": taken["spacing_mm"], "percentiles": PERCENTILES},
        "labels": STRUCTURES,
        "scores": score_rows(scored, people),
        "licences": sorted(set(_own(taken, people).licence) - {""}),
        "trained_on": _trained_on(taken, people),
        "unlike": _read(unlike),
        **_adapt(translator, folder / ADAPT),
    }
    write_atomically(folder / "model.json", json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    write_atomically(folder / "card.md", card(about, taken, record, scored, people))
    write_bundle(folder / "bundle", about, record)
    write_atomically(folder / "checksums.json", json.dumps(checksums(folder), indent=2) + "\n")


def checksums(folder: Path) -> dict[str, str]:
    """Relative name → SHA-256 of every file of the model's, whatever else lies there."""
    whole = ["model.onnx", "model.json", "card.md", *([ADAPT] if (folder / ADAPT).exists() else [])]
    names = [*whole, *(path.relative_to(folder).as_posix() for path in sorted((folder / "bundle").rglob("*.*")))]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def _adapt(translator: Sequence[Path], file: Path) -> dict[str, Any]:
    """What model.json says of the translator, whose graph becomes ``file``; nothing where none helps."""
    file.unlink(missing_ok=True)
    if not translator or not translator[0].stat().st_size:
        return {}
    shutil.copyfile(translator[0], file)
    return {"adapt": _read(translator[1])}


def score_rows(scored: pd.DataFrame, people: pd.DataFrame) -> list[dict[str, Any]]:
    """A row per domain and vendor: n test subjects, mean Dice of all structures and of each, mean HD95 in mm; None
    where a structure is not annotated."""
    return [
        {"domain": domain, "vendor": vendor, "n": int(group.subject.nunique())}
        | {name: _mean(group, *key) for name, key in ROW.items()}
        for domain, vendor, group in by_vendor(scored, people)
    ]


def card(
    about: Mapping[str, Any], taken: Mapping[str, Any], record: Record, scored: pd.DataFrame, people: pd.DataFrame
) -> str:
    """card.md (Mitchell et al. 2019). about: model.json; taken: what was chosen; record: of one of its trainings."""
    count = len(about["seeds"])
    several = (
        f"Mean ± standard deviation over n test subjects of the {count} networks, each by itself; their average, which "
        "this model gives, was not scored, and is as a rule a little better:"
        if count > 1
        else "Mean ± standard deviation over n test subjects, each the mean over its phases, of this one network:"
    )
    return (
        "\n\n".join(
            [
                f"# Model card: {about['study']}, {about['name']}",
                "## What it is",
                _what(about, taken, record),
                "## Intended use",
                INTENDED_USE,
                "## Training data",
                training_data(taken["training"], people),
                "## Metrics",
                several,
                metrics_table(scored, about["source"], people) + "\n" + between_seeds(scored),
                f"Chosen by Dice on validation subjects of {about['source']} alone: {about['validation_dice']:.3f}.",
                "## Limits",
                limits(taken["training"], scored, people) + "\n" + _unlike(about["unlike"]),
                "## How to run",
                _running(about) + _adapting(about),
            ]
        )
        + "\n"
    )


def _what(about: Mapping[str, Any], taken: Mapping[str, Any], record: Record) -> str:
    seeds = about["seeds"]
    many = f"The average of {len(seeds)} networks" if len(seeds) > 1 else "A network"
    beside = f" beside {', '.join(taken['beside'])}" if taken["beside"] else ""
    return (
        f"{many} of the architecture {about['architecture']}, trained by the recipe “{about['arm']}” of the study "
        f"{about['study']} on {about['trained_on']}{beside}; {schedule(record)}, seeds {', '.join(map(str, seeds))}. "
        "It outlines the left ventricular cavity (LV), its myocardium (MYO) and the right ventricular cavity (RV) in "
        f"short-axis slices.\n\nCode {record.get('git_commit')}. What the arm may see of a target: {taken['access']}. "
        f"Licences of the data: {', '.join(about['licences']) or 'not stated'}."
    )


def _unlike(unlike: Mapping[str, Any]) -> str:
    count = len(unlike["calibration"])
    rate = max(0.05, 1 / (count + 1))
    return (
        f"- What serves it can say when images are unlike those it learnt from ({count} subjects): of others of the "
        f"same scanners about {rate:.0%} would be called so too. Images that pass need not be segmented well."
    )


def _running(about: Mapping[str, Any]) -> str:
    image = about["image"]
    which = "one case's whole stack, in its order" if about["slices"] == "stack" else "in any number"
    low, high = PERCENTILES
    return (
        "`cmrbridge serve` opens it in a browser, `cmrbridge predict` segments files. `model.onnx` takes `image`, "
        f"uint8 (n, {image['size']}, {image['size']}): slices of {image['spacing_mm']:g} mm pixels about the heart, a "
        f"volume's percentiles {low:g} and {high:g} spread over 0…255, {which}; it gives `probabilities` of "
        "background, LV, MYO, RV. `bundle/` is the same for MONAI, from the weights (safetensors; nothing is pickled)."
    )


def _adapting(about: Mapping[str, Any]) -> str:
    adapt = about.get("adapt")
    if not adapt:
        return ""
    return (
        f"\n\n`adapt.onnx` redraws images in the look of {about['source']}, for another segmentation beside the first: "
        f"`image`, all slices of one volume → `translated`, alike. The method, {adapt['method']}, was chosen under "
        f"simulated shifts of validation images (mean Dice {adapt['mean_dice_gain_under_simulated_shifts']:+.3f}); the "
        "metrics above are without it. Its noise is one draw for all cases, where the study draws by a case's name."
    )


def _record_of(taken: Mapping[str, Any], records: Sequence[Path]) -> Record:
    """Of the first chosen training."""
    keys = {name: taken[name] for name in ("scenario", "arm", "architecture")} | {"seed": str(taken["seeds"][0])}
    for path in records:
        if (record := read_record(path)).get("wildcards") == keys:
            return record
    raise InputError(f"no record of the training {keys} among {len(records)}; run the study again")


def _scores_of(taken: Mapping[str, Any], cases: Sequence[Path]) -> pd.DataFrame:
    """Whole-heart rows of the chosen runs, with the mean over structures."""
    every = pd.concat([read_cases(path) for path in cases], ignore_index=True)
    kept = (every.region == "whole") & every.seed.isin(taken["seeds"])
    for name in ("source", "arm", "architecture"):
        kept &= every[name] == taken[name]
    return with_mean_structure(every[kept])


def _mean(group: pd.DataFrame, metric: str, structure: str) -> float | None:
    values = group.value[(group.metric == metric) & (group.structure == structure)]
    return None if values.empty else round(float(values.mean()), 4)


def _own(taken: Mapping[str, Any], people: pd.DataFrame) -> pd.DataFrame:
    return people[people.domain.isin(taken["training"]) & (people.split == "train")]


def _trained_on(taken: Mapping[str, Any], people: pd.DataFrame) -> str:
    own = _own(taken, people)
    count = int(own.groupby("dataset").subject.nunique().sum())
    return (
        f"{count} subject{'' if count == 1 else 's'} of {', '.join(taken['training'])} "
        f"(vendor {listed(own.vendor)}, {listed(own.field_strength_t)} T)"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable ({error}); delete it and run again") from error
