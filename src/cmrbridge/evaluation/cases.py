"""One run's predictions against the reference, in the files' own grids: one tidy row per score."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cmrbridge.core.anatomy import PHASES
from cmrbridge.errors import InputError
from cmrbridge.evaluation.clinical import DENSITY, chamber_function, thirds, volume_ml
from cmrbridge.evaluation.frames import COLUMNS, ERROR_OF, write_frame
from cmrbridge.evaluation.overlap import dice
from cmrbridge.evaluation.surface import surface_distances
from cmrbridge.evaluation.volumes import Mask, read_prediction, read_reference, spacing_of

Spacing = tuple[float, float, float]
WHOLE = "whole"
CYCLE = "ED-ES"  # the phase of what is measured over both phases
CHAMBERS = ("LV", "RV")


class Score(NamedTuple):
    """The last columns of a row."""

    phase: str
    structure: str
    region: str
    metric: str
    value: float


@dataclass(frozen=True)
class Pair:
    """One case: masks by annotated structure (x, y, slice); spacing (x, y, slice) in mm."""

    phase: str
    prediction: dict[str, Mask]
    reference: dict[str, Mask]
    spacing: Spacing


def evaluate_cases(
    *,
    keys: Mapping[str, str | int],
    predictions: Path,
    targets: Mapping[str, Mapping[str, Path | str]],
    cases: Path,
    report: Callable[..., None],
) -> None:
    """Score every test subject × phase × annotated structure of every target and write ``cases``.

    keys: study, source, arm, architecture and seed of the run.
    predictions: folder of {target}/{subject}_{phase}.nii.gz: canonical labels (1 LV, 2 MYO, 3 RV), reference grid.
    targets: domain → {"subjects": subjects.csv of its data set, "split": its split.csv}.
    """
    rows: list[dict[str, object]] = []
    work = [(target, *one) for target, files in targets.items() for one in _test_subjects(files)]
    for done, (target, subject, table) in enumerate(work, start=1):
        pairs = [_pair(row, predictions / target) for row in table.to_dict("records") if row["annotated"]]
        scores = list(score_subject(pairs))
        rows += [{**keys, "target": target, "subject": subject, **score._asdict()} for score in scores]
        overlaps = [score.value for score in scores if score.metric == "dice" and score.region == WHOLE]
        report(done, len(work), **({"dice": float(np.mean(overlaps))} if overlaps else {}))
    write_frame(cases, pd.DataFrame(rows, columns=list(COLUMNS)).round({"value": 6}))


def score_subject(pairs: list[Pair]) -> Iterator[Score]:
    """Every score of one subject: of its phases, then of its cycle where a chamber is annotated at both phases."""
    for pair in pairs:
        yield from _score_phase(pair)
    phases = {pair.phase: pair for pair in pairs}
    if all(phase in phases for phase in PHASES):
        ed, es = (phases[phase] for phase in PHASES)
        for chamber in CHAMBERS:
            if chamber in ed.reference and chamber in es.reference:
                yield from _score_cycle(chamber, ed, es)


def _score_phase(pair: Pair) -> Iterator[Score]:
    regions = thirds(_ventricle(pair.reference)) if {"LV", "MYO"} & pair.reference.keys() else {}
    for structure, reference in pair.reference.items():
        prediction = pair.prediction[structure]
        overlap = dice(prediction, reference)
        distances = surface_distances(prediction, reference, pair.spacing)
        if overlap is None or distances is None:
            continue
        sizes = [_size(pair.phase, structure, volume_ml(mask, pair.spacing)) for mask in (prediction, reference)]
        values = {"dice": overlap, **distances._asdict(), **_with_errors(*sizes)}
        for metric, value in values.items():
            yield Score(pair.phase, structure, WHOLE, metric, value)
        for region, slices in regions.items():
            overlap = dice(prediction[..., slices], reference[..., slices])
            if overlap is not None:
                yield Score(pair.phase, structure, region, "dice", overlap)


def _size(phase: str, structure: str, volume: float) -> dict[str, float]:
    """The volume; of the myocardium its mass too, which is read at end-diastole."""
    mass = {"mass_g": DENSITY * volume} if (phase, structure) == (PHASES[0], "MYO") else {}
    return {"volume_ml": volume, **mass}


def _score_cycle(chamber: str, ed: Pair, es: Pair) -> Iterator[Score]:
    edv, esv = (volume_ml(pair.prediction[chamber], pair.spacing) for pair in (ed, es))
    true_edv, true_esv = (volume_ml(pair.reference[chamber], pair.spacing) for pair in (ed, es))
    if true_edv == 0:
        return
    values = _with_errors(chamber_function(edv, esv), chamber_function(true_edv, true_esv))
    for metric, value in values.items():
        yield Score(CYCLE, chamber, WHOLE, metric, value)


def _with_errors(predicted: Mapping[str, float], reference: Mapping[str, float]) -> dict[str, float]:
    return {**predicted, **{ERROR_OF[name]: value - reference[name] for name, value in predicted.items()}}


def _ventricle(reference: Mapping[str, Mask]) -> Mask:
    return np.logical_or.reduce([mask for structure, mask in reference.items() if structure in ("LV", "MYO")])


def _test_subjects(files: Mapping[str, Path | str]) -> list[tuple[str, pd.DataFrame]]:
    """(subject, its rows of subjects.csv) of the test subjects, sorted."""
    subjects, split = (pd.read_csv(files[name], dtype=str, keep_default_na=False) for name in ("subjects", "split"))
    wanted = sorted(set(split.subject[split.split == "test"]))
    missing = sorted(set(wanted) - set(subjects.subject))
    if missing:
        raise InputError(
            f"{files['subjects']}: has no subject {missing[0]!r}, which {files['split']} tests; make both anew together"
        )
    return [(subject, subjects[subjects.subject == subject].sort_values("phase")) for subject in wanted]


def _pair(row: Mapping[str, str], folder: Path) -> Pair:
    reference = read_reference(row)
    prediction = read_prediction(folder / f"{row['subject']}_{row['phase']}.nii.gz", reference, int(row["slice_axis"]))
    return Pair(row["phase"], prediction, reference, spacing_of(row))
