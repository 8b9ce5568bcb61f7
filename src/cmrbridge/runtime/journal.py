"""The journal of a job: undeclared, beside the outputs, appended line by line, so that a failure can be read."""

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmrbridge.files import write_atomically

Line = dict[str, Any]


def read_journal(path: Path) -> list[Line]:
    """All whole lines; a last line that a crash cut short is left out."""
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:  # it goes when its job ends
        return []
    lines = []
    for text in texts:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


def metrics_of(lines: list[Line]) -> list[Line]:
    """The metrics that count: the first step after a resume voids what an earlier session journaled from it on."""
    metrics: list[Line] = []
    resumed = False
    for line in lines:
        if line.get("event") == "start":
            resumed = True
        elif "step" in line:
            if resumed:
                metrics = [earlier for earlier in metrics if earlier["step"] < line["step"]]
            metrics.append(line)
            resumed = False
    return metrics


def loads_of(lines: list[Line], at_most: int | None = None) -> list[Line]:
    """What the job took of the machine: {"step", "cpu_percent", …}; of too many, evenly spaced ones and the last."""
    loads = [line for line in lines if line.get("event") == "load"]
    every = 1 if at_most is None else max(1, -(-len(loads) // at_most))
    return [
        {"step": load["at"], **{name: load[name] for name in load if name not in ("event", "time", "at")}}
        for load in loads[::-1][::every][::-1]
    ]


@dataclass
class Journal:
    """Lines of metrics {"step", "total", values…} and of events {"event": "start" | "failed" | …, …}.

    sessions, started, seconds_before: over all interruptions.
    """

    path: Path
    started: str
    lines: list[Line] = field(default_factory=list)
    sessions: int = 1
    seconds_before: float = 0.0

    @classmethod
    def open(cls, path: Path, header: Line, resumable: bool) -> "Journal":
        """Begin a journal, or go on with that of an interrupted run of the same stamp."""
        journal = cls(path, header["started"])
        kept = read_journal(path) if resumable else []
        starts = [line for line in kept if line.get("event") == "start"]
        if starts and starts[-1]["stamp"] == header["stamp"]:
            journal.lines = kept
            journal.started = starts[0]["started"]
            journal.sessions = len(starts) + 1
            journal.seconds_before = starts[-1]["seconds_before"] + path.stat().st_mtime - starts[-1]["time"]
        start = header | {"event": "start", "time": time.time(), "seconds_before": journal.seconds_before}
        journal.lines.append(start)
        write_atomically(path, "".join(_text(line) for line in journal.lines))
        return journal

    def report(self, step: int, total: int | None, values: dict[str, float]) -> None:
        numbers = {name: _number(value) for name, value in values.items()}
        self._append({"step": int(step), "total": total, **numbers})

    def event(self, name: str, **about: Any) -> None:
        self._append({"event": name, "time": time.time(), **about})

    def metrics_text(self) -> str:
        """The content of metrics.jsonl."""
        return "".join(_text(line) for line in metrics_of(self.lines))

    def _append(self, line: Line) -> None:
        self.lines.append(line)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(_text(line))


def _text(line: Line) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"


def _number(value: float) -> float | None:
    """As JSON knows it: no NaN, no infinity."""
    return float(value) if math.isfinite(value) else None
