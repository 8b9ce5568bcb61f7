"""Choose how to translate on the source's validation volumes under simulated scanner shifts, never on a target.

In two halves with a segmenter between them, which lives in another room: `translate_candidates` writes a pack, a frozen
segmenter of the source labels its slices, `choose_translation` compares. The second half is numpy alone.
"""

import csv
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.labels import read_labels
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.translation.quality import dice, edge_distance, psnr, ssim
from cmrbridge.translation.settings import Translation
from cmrbridge.translation.shifts import SHIFTS, UNSHIFTED, shifted

if TYPE_CHECKING:
    from cmrbridge.core.loop import Report

UNTRANSLATED = "none"
COLUMNS = (
    *("candidate", "shift", "psnr_before", "psnr", "ssim_before", "ssim", "dice_before", "dice"),
    *("edge_mm_before", "edge_mm"),
)
STEP = 0.001  # of Dice: gains that differ by less are ties

Bytes = NDArray[np.uint8]
Row = dict[str, str | float]


@dataclass(frozen=True)
class Candidates:
    """settings: by name, what to choose from; slices: of each validation volume, evenly spread, that are translated;
    batch: slices at a time; insist: take the best even where images are better left alone, to see what it does."""

    settings: Mapping[str, Translation]
    slices: int = 4
    batch: int = 32
    insist: bool = False

    def __post_init__(self) -> None:
        made = {name: Translation(**value) if isinstance(value, dict) else value for name, value in _items(self)}
        object.__setattr__(self, "settings", made)
        if UNTRANSLATED in made or not made:
            raise InputError(f"candidates: give at least one, and none the name {UNTRANSLATED!r}")


def _items(candidates: Candidates) -> list[tuple[str, Any]]:
    return list(candidates.settings.items())


def translate_candidates(
    *, settings: Candidates, model: Path, training: Path, candidates: Path, seed: int, device: str, report: "Report"
) -> None:
    """Write a pack: for each shift, the shifted validation slices as they are and as each candidate translates them.

    Its cases are (candidate, shift) pairs, named by subject and phase; all hold the same slices with the true labels.
    """
    from cmrbridge.translation.model import load_model
    from cmrbridge.translation.translate import translated_images

    network, trained, _ = load_model(model, device)
    volumes = read_pack(training).split("val")
    if volumes.labels is None or not volumes.labels.any():
        raise InputError(f"{training}: no labelled slice in the val split, so nothing to choose by: raise split.val")
    rows = _spread(volumes, settings.slices)
    names = [UNSHIFTED, *SHIFTS]
    images: dict[tuple[str, str], Bytes] = {}
    for shift in names:
        moved = dataclasses.replace(volumes, images=_shifted(volumes, shift, seed))
        images[UNTRANSLATED, shift] = moved.images[rows]
        for name, candidate in settings.settings.items():
            images[name, shift] = translated_images(
                moved,
                network,
                trained,
                candidate,
                rows=rows,
                batch=settings.batch,
                seed=seed,
                device=device,
                report=lambda step, total=None, **values: None,
            )
            report(len(images), len(names) * (len(settings.settings) + 1))
    write_pack(candidates, _as_pack(images, volumes.labels[rows], volumes.cases[0]))


def _spread(pack: Pack, count: int) -> NDArray[np.int64]:
    """Rows of up to ``count`` slices of each volume that show any structure, in the middles of equal parts of them."""
    assert pack.labels is not None
    shown = pack.labels.any(axis=(1, 2))
    chosen: list[int] = []
    for index in np.unique(pack.case):
        rows = np.flatnonzero((pack.case == index) & shown)
        parts = min(count, len(rows))
        chosen += list(rows[((np.arange(parts) + 0.5) * len(rows) / parts).astype(int)])
    return np.array(chosen)


def _shifted(pack: Pack, name: str, seed: int) -> Bytes:
    out = np.empty_like(pack.images)
    for index in np.unique(pack.case):
        out[pack.case == index] = shifted(pack.images[pack.case == index], name, seed, int(index))
    return out


def _as_pack(images: dict[tuple[str, str], Bytes], labels: Bytes, like: Case) -> Pack:
    count = len(labels)
    cases = [dataclasses.replace(like, subject=name, phase=shift, split="val") for name, shift in images]
    return Pack(
        images=np.concatenate(list(images.values())),
        labels=np.tile(labels, (len(images), 1, 1)),
        case=np.repeat(np.arange(len(images), dtype=np.int32), count),
        position=np.tile(np.arange(count, dtype=np.int32), len(images)),
        cases=tuple(cases),
    )


def choose_translation(*, settings: Candidates, candidates: Path, predicted: Path, choice: Path, table: Path) -> None:
    """Write ``choice`` (json: the chosen candidate, its settings, why) and ``table`` (csv: candidate × shift).

    predicted: the frozen segmenter's labels of ``candidates``' slices, in their order (`core.labels`).
    The score is the mean gain in Dice over the shifts less what is lost on unshifted images; ties within `STEP` go to
    the larger gain in PSNR. Where no score is above 0, images are best left alone, and the choice says so.
    """
    pack, labels = read_pack(candidates), read_labels(predicted)
    if labels.shape != pack.images.shape:
        raise InputError(f"{predicted}: {labels.shape} labels for {pack.images.shape} images; delete it and run again")
    rows = _compare(pack, labels)
    scores = {name: _score([row for row in rows if row["candidate"] == name]) for name in settings.settings}
    _write_table(table, rows)
    choice.write_text(json.dumps(_choice(scores, settings), indent=2) + "\n", encoding="utf-8")


def read_choice(choice: Path) -> Translation:
    """The chosen settings of a file of `choose_translation`; method "none" where no translation helps."""
    try:
        return Translation(**json.loads(choice.read_text(encoding="utf-8"))["settings"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{choice}: not a choice of translation ({error}); delete it and run again") from error


def _compare(pack: Pack, labels: Bytes) -> list[Row]:
    """One row a candidate and shift: quality before and after, against the unshifted image and the true labels."""
    assert pack.labels is not None
    parts = {(case.subject, case.phase): pack.case == index for index, case in enumerate(pack.cases)}
    truth = pack.images[parts[UNTRANSLATED, UNSHIFTED]]

    def measured(rows: NDArray[np.bool_]) -> tuple[float, float, float, float]:
        assert pack.labels is not None
        images, found, known = pack.images[rows], labels[rows], pack.labels[rows]
        edges = edge_distance(found, known, pack.cases[0].spacing[1])
        return float(psnr(images, truth).mean()), float(ssim(images, truth).mean()), dice(found, known), edges

    table: list[Row] = []
    for (name, shift), rows in parts.items():
        if name != UNTRANSLATED:
            pairs = zip(measured(parts[UNTRANSLATED, shift]), measured(rows))
            values = [value for pair in pairs for value in pair]
            table.append(dict(zip(COLUMNS, [name, shift, *values])))
    return table


def _score(rows: list[Row]) -> tuple[float, float]:
    """(mean Dice gain over the shifts less the loss on unshifted images, mean PSNR gain over the shifts)."""
    gains = {str(row["shift"]): (_gain(row, "dice"), _gain(row, "psnr")) for row in rows}
    loss = max(0.0, -gains.pop(UNSHIFTED)[0])
    mean = np.mean(list(gains.values()), axis=0)
    return float(mean[0]) - loss, float(mean[1])


def _gain(row: Row, name: str) -> float:
    return float(row[name]) - float(row[f"{name}_before"])


def _choice(scores: dict[str, tuple[float, float]], settings: Candidates) -> dict[str, Any]:
    most = max(gain for gain, _ in scores.values())
    helps = most > 0
    taken = helps or settings.insist
    least = max(most - STEP, 0.0) if helps else most - STEP
    best = max((name for name in scores if scores[name][0] > least), key=lambda name: scores[name][1])
    told = f"{best}: mean Dice gain {scores[best][0]:+.4f} under simulated shifts, less the loss on unshifted images"
    return {
        "chosen": best if taken else UNTRANSLATED,
        "settings": dataclasses.asdict(
            settings.settings[best] if taken else Translation("none", even=0.0, reshade=0.0)
        ),
        "why": told if helps else f"no candidate helps; the best {'is taken all the same:' if taken else 'is'} {told}",
        "scores": {name: {"dice_gain": gain, "psnr_gain": clearer} for name, (gain, clearer) in scores.items()},
    }


def _write_table(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([row[name] if isinstance(row[name], str) else f"{row[name]:.4f}" for name in COLUMNS])
