"""Cases that nobody outlined: what the networks' masks say of each heart, and how far the networks agree."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cmrbridge.core.anatomy import PHASES, STRUCTURES, check_mask
from cmrbridge.errors import InputError
from cmrbridge.evaluation.clinical import DENSITY, chamber_function, volume_ml
from cmrbridge.evaluation.frames import write_frame
from cmrbridge.evaluation.overlap import dice
from cmrbridge.evaluation.volumes import Mask, read_masks, spacing_of

CHAMBERS = ("LV", "RV")
QUANTITIES = (
    *(f"{chamber.lower()}_{name}" for chamber in CHAMBERS for name in chamber_function(1.0, 1.0)),
    "lv_mass_g",
)
DIGITS = 4

Masks = dict[str, dict[str, Mask]]  # phase → structure → mask
Cohorts = Mapping[str, tuple[Path, Path]]  # domain → subjects.csv of its data set, its split.csv


@dataclass(frozen=True)
class Run:
    """A trained network and its predictions: ``folder``/{domain}/{subject}_{phase}.nii.gz, canonical labels."""

    source: str
    arm: str
    architecture: str
    seed: int
    folder: Path


def measure_applied(
    *, runs: Sequence[Run], cohorts: Cohorts, hearts: Path, summary: Path, report: Callable[..., None]
) -> None:
    """Write ``hearts`` (a row per domain, subject and run) and ``summary`` (a row per domain and subject).

    hearts: volumes, EF and mass as in docs/metrics.md, with `QUANTITIES` empty where a phase is missing; odd_slices:
    share of the segmented slices that break a rule of anatomy (`core.anatomy.RULES`).
    summary: mean over runs of each quantity, and its SD (n − 1; empty of one run); agreement: mean Dice between each
    two runs over phases and structures (empty of one run), the cases of least agreement first; odd_slices: the mean.
    """
    measured: list[dict[str, object]] = []
    agreed: list[dict[str, object]] = []
    work = [(domain, *one) for domain, files in cohorts.items() for one in _people(*files)]
    for done, (domain, subject, rows) in enumerate(work, 1):
        masks = [_masks(rows, run.folder / domain) for run in runs]
        keys = {"domain": domain, "subject": subject}
        for run, own in zip(runs, masks):
            told = {name: value for name, value in asdict(run).items() if name != "folder"}
            measured.append({**keys, **told, **heart(own, spacing_of(rows[0])), "odd_slices": odd_slices(own)})
        agreed.append({**keys, "agreement": agreement(masks)})
        report(done, len(work))
    frame = pd.DataFrame(measured)
    write_frame(hearts, frame.round(DIGITS))
    write_frame(summary, _summary(frame, pd.DataFrame(agreed)).round(DIGITS))


def heart(masks: Masks, spacing: tuple[float, float, float]) -> dict[str, float]:
    """`QUANTITIES` of one network's masks of one subject; spacing in mm."""
    volumes = {
        phase: {name: volume_ml(mask, spacing) for name, mask in parts.items()} for phase, parts in masks.items()
    }
    found = dict.fromkeys(QUANTITIES, float("nan"))
    if all(phase in volumes for phase in PHASES):
        ed, es = (volumes[phase] for phase in PHASES)
        for chamber in CHAMBERS:
            values = chamber_function(ed[chamber], es[chamber])
            found |= {f"{chamber.lower()}_{name}": value for name, value in values.items()}
    if PHASES[0] in volumes:
        found["lv_mass_g"] = DENSITY * volumes[PHASES[0]]["MYO"]
    return found


def odd_slices(masks: Masks) -> float:
    """Share of the slices with any label that are no possible heart; 0 where nothing was found at all."""
    odd = [
        not all(check_mask(labels).values())
        for parts in masks.values()
        for labels in np.moveaxis(_labels(parts), 2, 0)
        if labels.any()
    ]
    return float(np.mean(odd)) if odd else 0.0


def agreement(masks: Sequence[Masks]) -> float:
    """Mean Dice between each two networks over phases and structures that one of them at least found; NaN of one."""
    scores = [
        score
        for one, other in combinations(masks, 2)
        for phase in one
        for name in STRUCTURES
        if (score := dice(one[phase][name], other[phase][name])) is not None
    ]
    return float(np.mean(scores)) if scores else float("nan")


def _labels(parts: Mapping[str, Mask]) -> NDArray[np.uint8]:
    return np.sum([mask * np.uint8(STRUCTURES[name]) for name, mask in parts.items()], axis=0, dtype=np.uint8)


def _masks(rows: Sequence[Mapping[str, str]], folder: Path) -> Masks:
    return {
        row["phase"]: read_masks(
            folder / f"{row['subject']}_{row['phase']}.nii.gz", STRUCTURES, axis=int(row["slice_axis"])
        )
        for row in rows
    }


def _people(subjects: Path, split: Path) -> list[tuple[str, list[dict[str, str]]]]:
    """(subject, its rows of subjects.csv) of everybody in a domain, sorted."""
    table, members = (pd.read_csv(path, dtype=str, keep_default_na=False) for path in (subjects, split))
    names = sorted(set(members.subject))
    if missing := sorted(set(names) - set(table.subject)):
        raise InputError(f"{subjects}: has no subject {missing[0]!r}, which {split} names; make both anew together")
    return [(name, [dict(row) for row in table[table.subject == name].to_dict("records")]) for name in names]


def _summary(hearts: pd.DataFrame, agreed: pd.DataFrame) -> pd.DataFrame:
    grouped = hearts.groupby(["domain", "subject"], sort=False)
    columns = {}
    for name in QUANTITIES:
        columns[name], columns[f"{name}_sd"] = grouped[name].mean(), grouped[name].std()
    table = pd.DataFrame(columns | {"odd_slices": grouped["odd_slices"].mean()}).reset_index()
    merged = agreed.merge(table, on=["domain", "subject"])
    return merged.sort_values(["domain", "agreement", "subject"], kind="stable").reset_index(drop=True)
