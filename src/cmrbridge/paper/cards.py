"""A model card (Mitchell et al. 2019) for one trained segmenter: Markdown to travel beside its weights."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import MEAN, read_cases, with_mean_structure
from cmrbridge.evaluation.scans import read_scans
from cmrbridge.paper.records import Record, duration, listed, read_record, schedule
from cmrbridge.paper.tables import pipe_table

COLUMNS = {("dice", MEAN): "Dice", ("dice", "LV"): "LV", ("dice", "MYO"): "MYO", ("dice", "RV"): "RV"}
DISTANCE = ("hd95", MEAN)
INTENDED_USE = (
    "Research only: to study how segmenters of short-axis cine cardiac MR fare on scanners they have not seen. "
    "Not a medical device; not for diagnosis, nor for any decision about a patient."
)


@dataclass(frozen=True)
class Identity:
    """Which network: its run's keys, what it was trained on (domains) and beside (in words), and what its arm may see
    of a target; trained_as: the arm whose weights it has; at_test: what its arm does at test time, in words, or "";
    alone: the arm whose scores are those of the weights by themselves, or ""."""

    study: str
    source: str
    arm: str
    architecture: str
    seed: int
    training: tuple[str, ...]
    beside: tuple[str, ...]
    access: str
    trained_as: str
    at_test: str
    alone: str


def write_card(
    *,
    identity: Identity,
    model: Path,
    record: Path,
    cases: Path,
    subjects: Sequence[Path],
    splits: Mapping[str, Path],
    card: Path,
) -> None:
    """Write ``card`` (.md). model: the weights; record: of the training that made them; cases: the study's scores;
    subjects: one table per data set; splits: split.csv of every domain trained on or tested on."""
    people = read_scans(subjects, splits)
    scored = read_cases(cases)
    scored = scored[(scored.source == identity.source) & (scored.architecture == identity.architecture)]
    scored = with_mean_structure(scored[(scored.arm == identity.arm) & (scored.region == "whole")])
    about = read_record(record)
    parts = [
        f"# Model card: {identity.arm}, {identity.architecture}, seed {identity.seed}",
        "## What it is",
        _what(identity, model, about),
        "## Intended use",
        INTENDED_USE,
        "## Training data",
        training_data(identity.training, people),
        "## Metrics",
        "Mean ± standard deviation over n test subjects, each the mean over its phases, of this one network"
        f"{', with ' + identity.at_test if identity.at_test else ''}:",
        metrics_table(scored[scored.seed == identity.seed], identity.source, people) + "\n" + between_seeds(scored),
        "## Limits",
        limits(identity.training, scored[scored.seed == identity.seed], people),
        "## How to load",
        _loading(model, identity),
    ]
    card.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def parameters(model: Path) -> int:
    """How many numbers a safetensors file holds: 8 bytes with its header's length, then the header (JSON)."""
    try:
        with model.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"{model}: no readable safetensors file ({error}); train it again") from error


def _what(identity: Identity, model: Path, about: Record) -> str:
    versions = about.get("versions") or {}
    return (
        f"A network of the architecture {identity.architecture} with {parameters(model):,} parameters, trained by the "
        f"recipe “{identity.trained_as}” of the study {identity.study} on {', '.join(identity.training)}"
        f"{' beside ' + ', '.join(identity.beside) if identity.beside else ''}; {schedule(about)}, "
        f"seed {identity.seed}, {duration(about.get('wall_seconds') or 0)} on {about.get('device')} "
        f"({about.get('device_name', 'unknown')}) in {about.get('precision') or 'an unrecorded precision'}. "
        "It outlines the left ventricular cavity (LV), its myocardium (MYO) and the right ventricular cavity (RV) in "
        f"short-axis slices.{_shared(identity)}\n\n"
        f"Code {about.get('git_commit')}, cmrbridge {versions.get('cmrbridge', 'unknown')}, torch "
        f"{versions.get('torch', 'unknown')}, {about.get('started')}. "
        f"What the arm may see of a target: {identity.access}."
    )


def _shared(identity: Identity) -> str:
    """What an arm that trains no network of its own, or helps it at test time, adds to the weights."""
    own = f" The arm “{identity.arm}” has the weights of the arm “{identity.trained_as}”, which trains alike."
    told = own if identity.arm != identity.trained_as else ""
    if not identity.at_test:
        return told
    without = (
        f"; without it, see the scores of “{identity.alone}”"
        if identity.alone
        else "; this study has no scores without it"
    )
    return f"{told} Its scores are those with {identity.at_test}{without}."


def training_data(training: Sequence[str], people: pd.DataFrame) -> str:
    """A table of the domains ``training`` and what their licences ask. people: rows of `read_scans`."""
    own = people[people.domain.isin(training)]
    rows = [
        {
            "Domain": domain,
            "Data set": listed(rows.dataset),
            "Licence": listed(rows.licence),
            "Training subjects": rows.subject[rows.split == "train"].nunique(),
            "Validation subjects": rows.subject[rows.split == "val"].nunique(),
            "Vendors": listed(rows.vendor),
            "Scanners": listed(rows.scanner),
            "Field (T)": listed(rows.field_strength_t),
            "Pathologies": listed(rows.pathology),
        }
        for domain, rows in own.groupby("domain")
    ]
    return (
        pipe_table(pd.DataFrame(rows))
        + "\nWho may use the weights, and for what, depends on these licences too: ask before you pass them on."
    )


def metrics_table(scored: pd.DataFrame, source: str, people: pd.DataFrame) -> str:
    """A row per domain and vendor: n test subjects, and mean ± SD over them. scored: `COLUMNS` of cases.csv with the
    mean over structures; of several seeds, a subject's mean."""
    rows = [
        {"Tested on": f"{target}{' (own source)' if target == source else ''}", "Vendor": vendor or "–"}
        | {"n": group.subject.nunique()}
        | {title: _spread(group, *key, ".3f") for key, title in COLUMNS.items()}
        | {"HD95 (mm)": _spread(group, *DISTANCE, ".1f")}
        for target, vendor, group in by_vendor(scored, people)
    ]
    return pipe_table(pd.DataFrame(rows))


def by_vendor(scored: pd.DataFrame, people: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """(domain, vendor, a row per test subject, structure and metric), in the order of the names."""
    means = _per_subject(scored)
    vendors = people.drop_duplicates(["domain", "subject"]).set_index(["domain", "subject"]).vendor
    means = means.assign(vendor=[vendors.get(key, "") for key in zip(means.target, means.subject)])
    return [(str(target), str(vendor), group) for (target, vendor), group in means.groupby(["target", "vendor"])]


def _per_subject(scored: pd.DataFrame) -> pd.DataFrame:
    return scored.groupby(["target", "subject", "structure", "metric"], as_index=False).value.mean()


def _spread(group: pd.DataFrame, metric: str, structure: str, form: str) -> str:
    values = group.value[(group.metric == metric) & (group.structure == structure)]
    if values.empty:
        return "–"
    return f"{values.mean():{form}}" + (f" ± {values.std():{form}}" if len(values) > 1 else "")


def between_seeds(scored: pd.DataFrame) -> str:
    """How far the trainings of one recipe lie apart, in words."""
    dice = scored[(scored.metric == "dice") & (scored.structure == MEAN)]
    means = dice.groupby(["target", "seed"]).value.mean().unstack()
    if means.shape[1] < 2:
        return "One training only: how much another seed would differ is not known."
    spread = ", ".join(f"{target} {100 * value:.1f}" for target, value in means.std(axis=1).items())
    return f"Standard deviation between its {means.shape[1]} trainings, in points of Dice: {spread}."


def limits(training: Sequence[str], scored: pd.DataFrame, people: pd.DataFrame) -> str:
    """What speaks against trusting the network, as a list; ``scored`` as in `metrics_table`."""
    own = people[people.domain.isin(training)]
    lines = [
        f"Trained on {own.subject[own.split == 'train'].nunique()} subjects of vendor {listed(own.vendor)}: it knows "
        "no other patients, scanners or protocols than these show.",
        "It outlines whatever it is given: it does not say when an image is not a short-axis cine slice.",
        "The numbers above hold for the domains named there; measure it on your own data before you rely on it.",
    ]
    dice = scored[(scored.metric == "dice") & (scored.structure != MEAN)]
    zero = int((dice.value == 0).sum())
    if zero:
        lines.append(
            f"It scored Dice 0 on {zero} of the {len(dice)} structures that it was tested on: missed, "
            "outlined elsewhere, or outlined where none is."
        )
    return "\n".join(f"- {line}" for line in lines)


def _loading(model: Path, identity: Identity) -> str:
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    if identity.architecture.startswith("nnunet"):
        how = "It holds nnU-Net's plans in its header; `cmrbridge.segmentation.nnunet` predicts from this file alone."
    else:
        how = (
            "```python\nfrom pathlib import Path\nfrom cmrbridge.segmentation.predict import load_segmenter\n\n"
            f'network, size = load_segmenter(Path("{model.name}"), "cpu")  # slices of size × size pixels\n```'
        )
    alone = f"\n\nThat is the network alone, without {identity.at_test}." if identity.at_test else ""
    return f"`{model.name}`, {model.stat().st_size:,} bytes, SHA-256 `{digest}`.\n\n{how}{alone}"
