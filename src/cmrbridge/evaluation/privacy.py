"""Does a generated set copy the images that its generator was trained on? The audit: figures, tables, pictures."""

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from cmrbridge.core.labels import labelled_rows
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.core.pictures import beside, grey, tile, write_png
from cmrbridge.errors import InputError
from cmrbridge.evaluation.controls import draw_controls
from cmrbridge.evaluation.detection import auc, false_alarms, threshold
from cmrbridge.evaluation.embedding import Bytes, prints
from cmrbridge.evaluation.frames import write_frame
from cmrbridge.evaluation.neighbours import COLUMNS, DECIMALS, Rows, Slices, find_nearest, slices_of
from cmrbridge.evaluation.rendering import judge_rendering, read_renderings
from cmrbridge.evaluation.verdict import excess_p, give_verdict

STAGES = 6  # of the audit, for the report of progress
STRICT = 0.1  # of the allowed false alarms: the threshold's aim, which is itself estimated from few subjects


class Report(Protocol):
    """As `core.loop.Report`, which would import torch."""

    def __call__(self, step: int, total: int | None = None, **values: float) -> None: ...


@dataclass(frozen=True)
class AuditSettings:
    """false_alarms: share of other patients' images that may be called copies; negatives, controls, members: training
    slices, at most, that are held against the other subjects, disturbed, and held against the generated images;
    draws: of the bootstrap; shown: pairs in the figure."""

    false_alarms: float = 0.01
    negatives: int = 400
    controls: int = 200
    members: int = 400
    draws: int = 2000
    shown: int = 24
    seed: int = 0


def audit_privacy(
    *,
    settings: AuditSettings,
    training: Path,
    synthetic: Path,
    references: Path | None,
    audit: Path,
    distances: Path,
    copies: Path,
    report: Report,
) -> None:
    """Write ``audit`` (json: verdict, reasons, figures), ``distances`` (csv) and ``copies`` (png).

    training: pack of the generator's source; its train split's labelled slices are what the generator saw, those of
    the val split were held out. synthetic: pack of generated images. references: pack of images rendered from the
    masks of the same real slices, train then val, or None. `verdict.give_verdict` states the rule.

    distances, by set: ``generated``, ``control`` (disturbed training slices) and ``held_out`` slices, and
    ``other_subject`` (training slices against the other subjects') have their nearest training slice; ``member``
    and ``non_member``, real slices of the train and val split, have their nearest generated one; ``rendered_train``
    and ``rendered_val`` stand beside the true image of their mask. The last two say how near copies came:
    1 − correlation, 0 for a copy; copy: nearer than the threshold.

    copies: generated | nearest training slice, the nearest pairs first, and right of them rendered | true. It shows
    patients: where the data's licence forbids that, it is not to be published.
    """
    real = read_pack(training)
    train, held_out = (slices_of(real, labelled_rows(real, split)) for split in ("train", "val"))
    _insist(train, held_out, training)
    drawn = read_pack(synthetic)
    generated = slices_of(drawn, np.arange(len(drawn.images)))
    if len(generated) == 0 or generated.images.shape[1:] != train.images.shape[1:]:
        raise InputError(f"{synthetic}: images are {generated.images.shape}, real ones {train.images.shape}: render it")
    table = _compare(settings, train, held_out, generated, report)
    figures, limit = measure(settings, table)
    figures["rendering"] = None
    pairs = [_nearest_pairs(table, generated, train, settings.shown)]
    if references is not None:
        rendered = read_renderings(read_pack(references), references, train, held_out)
        figures["rendering"], rows, shown = _judge(settings, rendered, train, held_out, real, limit)
        table = pd.concat([table, rows], ignore_index=True)
        pairs.append(shown)
    report(STAGES, STAGES)
    verdict, reasons = give_verdict(figures, settings.false_alarms)
    _write_json(audit, {"verdict": verdict, "reasons": reasons, **figures, "settings": dataclasses.asdict(settings)})
    write_frame(distances, table[list(COLUMNS)].assign(copy=(table.distance < limit).astype(int)))
    write_png(copies, beside(*(tile(grey(part), columns=6) for part in pairs)))


def _insist(train: Slices, held_out: Slices, path: Path) -> None:
    if len(train) == 0:
        raise InputError(f"{path}: no labelled slice in the training split: nothing that could have been copied")
    subjects = {*held_out.subject, *(train.subject if len(set(train.subject)) > 1 else ())}
    if len(subjects) < 2:
        raise InputError(
            f"{path}: one training subject and {len(subjects)} validation subjects leave nobody to tell a copy from "
            "another patient by: raise split.val to at least two subjects, or add training subjects"
        )


def _sample(slices: Slices, count: int, generator: np.random.Generator) -> Slices:
    """At most ``count`` of the slices, drawn without replacement, in order."""
    return slices.take(np.sort(generator.permutation(len(slices))[:count]))


def _compare(
    settings: AuditSettings, train: Slices, held_out: Slices, generated: Slices, report: Report
) -> pd.DataFrame:
    """All sets of `audit_privacy` but the rendered ones."""
    generator = np.random.default_rng(settings.seed)
    negatives, chosen, members = (
        _sample(train, count, generator) for count in (settings.negatives, settings.controls, settings.members)
    )
    disturbed = draw_controls(chosen.images, generator)
    controls = dataclasses.replace(chosen, images=disturbed, prints=prints(disturbed))
    tasks = [
        ("generated", generated, train, False),
        ("held_out", held_out, train, False),
        ("other_subject", negatives if len(set(train.subject)) > 1 else negatives.take(_none()), train, True),
        ("control", controls, train, False),
        ("member", members, generated, False),
        ("non_member", held_out, generated, False),
    ]
    tables = []
    for stage, (name, queries, gallery, others_only) in enumerate(tasks):
        report(stage, STAGES)
        if len(queries):
            tables.append(find_nearest(name, queries, gallery, others_only))
    return pd.concat(tables, ignore_index=True)


def _none() -> Rows:
    return np.empty(0, np.intp)


def measure(settings: AuditSettings, table: pd.DataFrame) -> tuple[dict[str, Any], float]:
    """(figures, threshold) of the compared sets; the threshold aims at `STRICT` times the allowed false alarms.

    The measured rate of false alarms comes from subjects that had no part in the threshold they are held to.
    """
    sets = dict(list(table.groupby("set")))
    empty = table.iloc[:0]
    negatives = pd.concat([sets.get(name, empty) for name in ("held_out", "other_subject")])
    aim = settings.false_alarms * STRICT
    limit = threshold(negatives.distance.to_numpy(), aim)
    wrong = false_alarms(
        negatives.distance.to_numpy(), negatives.subject.to_numpy(str), negatives.nearest_subject.to_numpy(str), aim
    )
    generated, controls = sets["generated"].distance, sets["control"].distance
    near, far = sets["member"], sets.get("non_member", empty)
    count = int((generated < limit).sum())
    area = auc(*_side(near), *_side(far), settings.draws, settings.seed)
    return {
        "threshold": limit,
        "controls": {"n": len(controls), "caught": float((controls < limit).mean())},
        "negatives": {"n": len(negatives), "subjects": negatives.subject.nunique(), "false_alarms": wrong},
        "generated": {
            **{"n": len(generated), "copies": count, "share": count / len(generated)},
            "p": excess_p(count, len(generated), max(settings.false_alarms, wrong)),
        },
        "membership": {
            **{"auc": area.auc, "auc_low": area.low, "auc_high": area.high},
            **{"n_members": len(near), "n_non_members": len(far)},
            **{"subjects_members": near.subject.nunique(), "subjects_non_members": far.subject.nunique()},
        },
        "medians": {name: float(part.distance.median()) for name, part in sets.items()},
    }, limit


def _side(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return part.distance.to_numpy(), part.subject.to_numpy(str)


def _nearest_pairs(table: pd.DataFrame, generated: Slices, train: Slices, shown: int) -> Bytes:
    """(2 · shown, y, x): generated image, nearest training slice, and so on, by distance."""
    found = table[table.set == "generated"].reset_index(drop=True).sort_values("distance", kind="stable").head(shown)
    return _in_turn(generated.images[found.index], train.images[found.row])


def _in_turn(left: Bytes, right: Bytes) -> Bytes:
    return np.stack([left, right], axis=1).reshape(-1, *left.shape[1:])


def _judge(
    settings: AuditSettings, rendered: tuple[Bytes, Bytes], train: Slices, held_out: Slices, real: Pack, limit: float
) -> tuple[dict[str, Any], pd.DataFrame, Bytes]:
    """Figures of the renderings, their rows of the table, and the nearest of training masks beside the truth."""
    assert real.labels is not None  # labelled_rows insists
    labels = (real.labels[labelled_rows(real, "train")], real.labels[labelled_rows(real, "val")])
    pictures = (prints(rendered[0]).pictures, prints(rendered[1]).pictures)
    figures, found = judge_rendering(pictures, (train, held_out), labels, limit, settings.draws, settings.seed)
    rows = pd.concat([_own("rendered_train", train, found[0]), _own("rendered_val", held_out, found[1])])
    order = np.argsort(found[0], kind="stable")[: settings.shown]
    return figures, rows, _in_turn(rendered[0][order], train.images[order])


def _own(name: str, slices: Slices, distances: Sequence[float] | np.ndarray) -> pd.DataFrame:
    where = (slices.subject, slices.phase, slices.position)
    values = (np.full(len(slices), name), *where, *where, np.asarray(distances, float).round(DECIMALS))
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Atomically; six digits, undefined numbers null."""
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(json.dumps(_plain(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
