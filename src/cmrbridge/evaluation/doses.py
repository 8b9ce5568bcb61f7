"""Dose and response: what generated pairs add, against how many, from how many real subjects, and how good."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.evaluation.dependence import HELD, QUALITIES, absent, correlate, strata
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, MEAN, per_subject, read_cases, write_frame
from cmrbridge.evaluation.gains import Gains

ALL_TARGETS = "all targets"
COLUMNS = (
    "source", "cohort", "architecture", "arm", "baseline", "target", "ratio", "subjects", "step", "metric",
    "n_subjects", "n_seeds", "value", "gain", "gain_low", "gain_high", *QUALITIES,
)  # fmt: skip
CORRELATIONS = (
    "variable", "scale", "metric", "held", "n_points", "n_subjects", "n_seeds",
    "spearman", "spearman_low", "spearman_high", "pearson", "pearson_low", "pearson_high", "reason",
)  # fmt: skip
MEASURED = dict(zip(QUALITIES, [("images", "frechet"), ("masks", "frechet"), ("mask fidelity", "dice")]))
TEXTS = ("source", "cohort", "architecture", "arm", "baseline", "target", "variable", "held", "reason")

Step = int | None


@dataclass(frozen=True)
class DoseSettings:
    """baseline: the arm without generated pairs; metric: the study's primary one, its mean over structures;
    repeats: of the bootstrap."""

    baseline: str
    metric: str = "dice"
    repeats: int = 2000
    seed: int = 0


def measure_doses(
    *,
    settings: DoseSettings,
    cases: Path,
    arms: Sequence[Mapping[str, Any]],
    splits: Mapping[str, Path],
    fidelity: Sequence[Mapping[str, Any]],
    doses: Path,
    correlations: Path,
) -> None:
    """Write ``doses`` (`COLUMNS`), one row per source × architecture × arm × target, and ``correlations``.

    arms: {"source", "cohort" (sources of one are nested), "arm", "ratio" (synthetic slices per real one), "step" (of
    the generator's training, None: its end)} of the baseline, ratio 0, and of arms that differ from it in generated
    pairs alone: leave the others out.
    splits: source → split.csv. fidelity: {"source", "step", "path"}, path a table of `fidelity.measure_generators`.
    The target "all targets" is the mean over the subjects of all targets but the source's own domain. gain: `Gain`
    (Dice: 0.01 is one point). Qualities: the generated set's distance, or Dice, over its real reference; NaN where
    unknown. ``correlations``: of the gain on all targets with each variable, the others held (`dependence.correlate`).
    """
    gains = _read_gains(settings, cases, arms)
    subjects = {source: _training_subjects(path) for source, path in splits.items()}
    quality = {(one["source"], one["step"]): _read_quality(Path(one["path"])) for one in fidelity}
    rows: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    for arm, architecture in _runs(arms, gains):
        dose = {**_dose(arm, settings, subjects, quality), "architecture": architecture}
        for target, chosen in _targets(arm, architecture, gains, cases, settings.baseline).items():
            found = gains.measure(arm["source"], architecture, arm["arm"], chosen)._asdict()
            row = {**dose, "target": target, **found, "gain_low": found["low"], "gain_high": found["high"]}
            rows.append(row)
            if target == ALL_TARGETS:
                points.append({**row, "targets": " ".join(chosen)})
    write_frame(doses, pd.DataFrame(rows, columns=list(COLUMNS)).astype({"step": "Int64"}).round(6))
    table = pd.DataFrame(_correlations(pd.DataFrame(points)), columns=list(CORRELATIONS)).assign(metric=settings.metric)
    counts = ["n_points", "n_subjects", "n_seeds"]
    write_frame(correlations, table.astype(dict.fromkeys(counts, "Int64")).round(6))


def read_doses(path: Path, columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """A table of `measure_doses`: ``doses``, or of the columns `CORRELATIONS`; only an empty cell is a missing one,
    whatever an arm or a domain is called."""
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""])
        return frame[list(columns)].fillna({"held": "", "reason": ""})
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a table of doses ({error}); delete it and run again") from error


def _correlations(points: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for variable in HELD:
        groups = list(strata(points, variable))
        for held, group in groups:
            yield correlate(variable, group, np.stack(group.replicates.tolist(), axis=1), held)
        if not groups:
            yield absent(variable)


def _read_gains(settings: DoseSettings, cases: Path, arms: Sequence[Mapping[str, Any]]) -> Gains:
    frame = read_cases(cases)
    names = sorted({str(one["arm"]) for one in arms} | {settings.baseline})
    wanted = (frame.region == "whole") & (frame.metric == settings.metric) & frame.arm.isin(names)
    scores = per_subject(frame[wanted], seeds=True)
    scores = scores[scores.structure == MEAN]
    if scores.empty:
        raise InputError(
            f"{cases}: has no {settings.metric} of the arms {', '.join(names)}; run them, or name another metric"
        )
    higher = settings.metric in HIGHER_IS_BETTER
    return Gains(scores, settings.baseline, higher, settings.repeats, settings.seed)


def _runs(arms: Sequence[Mapping[str, Any]], gains: Gains) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every arm with the architectures that ran it and the baseline (a study may skip one), with all where none did."""
    architectures = sorted({architecture for _, architecture, _ in gains.values})
    for arm in arms:
        keys = [[(arm["source"], one, name) for name in (arm["arm"], gains.baseline)] for one in architectures]
        ran = [one for one, both in zip(architectures, keys) if all(key in gains.values for key in both)]
        yield from ((arm, architecture) for architecture in ran or architectures)


def _targets(
    arm: Mapping[str, Any], architecture: str, gains: Gains, cases: Path, baseline: str
) -> dict[str, list[str]]:
    """Row of the table → its domains."""
    source = arm["source"]
    found = gains.targets_of(source, architecture, arm["arm"])
    away = [target for target in found if target != source]
    if not away:
        raise InputError(
            f"{cases}: from {source} ({architecture}), the arms {arm['arm']!r} and {baseline!r} share no test subject "
            "of a target; run both"
        )
    return {ALL_TARGETS: away} | {target: [target] for target in found}


def _dose(
    arm: Mapping[str, Any],
    settings: DoseSettings,
    subjects: Mapping[str, int],
    quality: Mapping[tuple[str, Step], Mapping[str, float]],
) -> dict[str, Any]:
    source, step = arm["source"], arm["step"]
    if source not in subjects:
        raise InputError(f"doses: no split.csv given for the source {source!r}, only for {', '.join(subjects)}")
    known = quality.get((source, step), {}) if arm["ratio"] > 0 else {}
    return {
        **{
            "source": source,
            "cohort": arm["cohort"],
            "arm": arm["arm"],
            "baseline": settings.baseline,
            "metric": settings.metric,
        },
        **{"ratio": float(arm["ratio"]), "subjects": subjects[source], "step": step},
        **{name: known.get(name, math.nan) for name in QUALITIES},
    }


def _training_subjects(path: Path) -> int:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return int(table.subject[table.split == "train"].nunique())
    except (OSError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: not a table of a domain's splits ({error}); delete it and run again") from error


def _read_quality(path: Path) -> dict[str, float]:
    """Quality → ratio to the real reference; without those that the table has no row of."""
    try:
        ratios = pd.read_csv(path).set_index(["what", "measure"]).ratio
    except (OSError, KeyError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: not a table of fidelity ({error}); delete it and run again") from error
    return {name: float(ratios[key]) for name, key in MEASURED.items() if key in ratios.index}
