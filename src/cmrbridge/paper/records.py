"""What the jobs left behind: their records as tables of the report, and what each training's curve tells."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.evaluation.claims import late_gain
from cmrbridge.paper.render import Table, table

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """One segmenter's training. gain: of validation Dice in the last fifth, see `late_gain`; skipped: steps whose loss
    was not finite and changed nothing."""

    scenario: str
    arm: str
    architecture: str
    seed: int
    record: Record
    gain: float | None
    skipped: int


def read_record(path: Path) -> Record:
    """A record.json; InputError where it is none."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not a readable record.json ({error}); run its job again") from error


def read_training(record: Path, metrics: Path) -> Training:
    """One training from its record and its journal."""
    about = read_record(record)
    try:
        lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
        curve = [(line["step"], line["val_dice"]) for line in lines if line.get("val_dice") is not None]
        steps = max(line["total"] or line["step"] for line in lines)
        skipped = sum("loss" in line and line["loss"] is None for line in lines)
        keys = about["wildcards"]
        name = (keys["scenario"], keys["arm"], keys["architecture"], int(keys["seed"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{metrics}: no journal of a training ({error}); train {record.parent} anew") from error
    return Training(*name, record=about, gain=late_gain(curve, steps), skipped=skipped)


def jobs_table(records: Sequence[Record]) -> Table:
    """The jobs per rule: where and how they computed, for how long, how often they were resumed."""
    columns = ("rule", "device", "device_name", "precision", "wall_seconds", "peak_memory_mb", "sessions")
    frame = pd.DataFrame([{name: record.get(name) for name in columns} for record in records], columns=list(columns))
    rows = [
        {
            "Step": rule,
            "Jobs": len(group),
            "Device": listed(group.device),
            "Machine": listed(group.device_name),
            "Precision": listed(group.precision),
            "Wall time, all jobs": duration(_sum(group.wall_seconds)),
            "Largest memory (MB)": f"{pd.to_numeric(group.peak_memory_mb).max():.0f}",
            "Resumed": int((pd.to_numeric(group.sessions) > 1).sum()),
        }
        for rule, group in frame.groupby("rule")
    ]
    return table(pd.DataFrame(rows))


def trainings_table(trainings: Sequence[Training]) -> Table:
    """One row per training of a segmenter: machine, precision, time, memory, and how its validation curve ended."""
    rows = [
        {
            "Arm": one.arm,
            "Architecture": one.architecture,
            "Seed": one.seed,
            "Device": f"{one.record.get('device')}: {one.record.get('device_name', 'unknown')}",
            "Precision": one.record.get("precision") or "–",
            "Threads": one.record.get("threads", "–"),
            "Wall time": duration(one.record.get("wall_seconds") or 0),
            "Late gain (points)": "unknown" if one.gain is None else f"{100 * one.gain:.1f}",
        }
        for one in trainings
    ]
    return table(pd.DataFrame(rows))


def digests_table(records: Sequence[Record], results: Mapping[str, str]) -> Table:
    """File → SHA-256 of all that trainings read, and of ``results``; a file that differed between jobs has two rows."""
    read = {(name, digest) for record in records for name, digest in (record.get("inputs") or {}).items()}
    rows = sorted({*read, *results.items()})
    return table(pd.DataFrame(rows, columns=["File", "SHA-256"]))


def compute_by_device(records: Sequence[Record]) -> str:
    """Hours of wall time by device: "3 h 2 min on cpu (AMD EPYC)"."""
    spent: dict[str, float] = {}
    for record in records:
        name = f"{record.get('device') or 'cpu'} ({record.get('device_name') or 'unknown'})"
        spent[name] = spent.get(name, 0.0) + float(record.get("wall_seconds") or 0)
    return ", ".join(f"{duration(seconds)} on {name}" for name, seconds in sorted(spent.items())) or "nothing recorded"


def provenance(records: Sequence[Record]) -> dict[str, Any]:
    """commits, versions (name → those that jobs ran with), wall (text), devices (text), started."""
    versions: dict[str, set[str]] = {}
    for record in records:
        for name, version in (record.get("versions") or {}).items():
            versions.setdefault(name, set()).add(str(version))
    return {
        "commits": sorted({str(record.get("git_commit")) for record in records}),
        "versions": {name: ", ".join(sorted(found)) for name, found in sorted(versions.items())},
        "wall": duration(sum(float(record.get("wall_seconds") or 0) for record in records)),
        "devices": compute_by_device(records),
        "started": min((str(record.get("started")) for record in records), default="–"),
    }


def schedule(record: Record) -> str:
    """How long a segmenter was trained, whichever kind it is."""
    settings = record["params"]["settings"]
    if "epochs" in settings:
        return f"{settings['epochs']} epochs of {settings['iterations']} batches (nnU-Net)"
    return f"{settings['loop']['steps']} steps of {settings['batch']} labelled slices"


def listed(values: pd.Series) -> str:
    """The distinct values, sorted; an en dash where there is none."""
    return ", ".join(sorted({str(value) for value in values.dropna()} - {""})) or "–"


def duration(seconds: float) -> str:
    """Hours and minutes, or minutes and seconds."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


def _sum(values: pd.Series) -> float:
    return float(pd.to_numeric(values).sum())
