"""From a study's folder to MLflow, once or for as long as jobs run: never a reason for a job to fail or to wait."""

import csv
import io
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically
from cmrbridge.runtime.entries import Entry, entries_below, entries_of
from cmrbridge.runtime.tracking import ARTIFACTS, Store, alone

FAILURES = 20  # jobs that could not be told before a server is given up that still answers
LONGEST_REASON = 300  # characters
Name = tuple[str, str]
ALWAYS = ("fed", "there", "pending")  # counts that are told even where they are 0


class Report(Protocol):
    def __call__(self, step: int, total: int | None = None, **values: float) -> None: ...


@dataclass
class Feed:
    """What one process has told MLflow of a study. folder: results/STUDY.

    runs: run id of each job that is there. told: the state of each job as last told. counts, of the last update: "fed"
    (done, and new), "there" (done, and known), jobs that are not done by their status, and "pending".
    """

    folder: Path
    uri: str
    runs: dict[Name, str] = field(default_factory=dict)
    told: dict[Name, tuple[str, float, int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _store: Store | None = None

    def update(self, entries: Sequence[Entry], report: Report | None = None) -> Exception | None:
        """Tell what is new; the first failure, if any: whatever the server does, the science is on disk."""
        self.counts = Counter()
        news = [entry for entry in entries if self.told.get(entry.name) != entry.state]
        failure: Exception | None = None
        try:
            if news:
                with alone(self.uri, self.folder):
                    failure = self._tell(self._connected(news), news, report)
        except Exception as error:
            failure = error
        if failure:
            self._store = None
            self.counts["pending"] = sum(self.told.get(entry.name) != entry.state for entry in news)
        return failure

    def _connected(self, news: Sequence[Entry]) -> Store:
        if self._store is None:
            self._store = Store(self.uri, self.folder.name)
        elif any(entry.name not in self._store.known for entry in news):
            self._store.look()
        return self._store

    def _tell(self, store: Store, news: Sequence[Entry], report: Report | None) -> Exception | None:
        failures: list[Exception] = []
        for number, entry in enumerate(sorted(news, key=lambda one: _tried(one, store)), start=1):
            try:
                self._tell_one(store, entry)
            except Exception as error:  # one odd job must not keep the others out
                failures.append(error)
                if len(failures) >= FAILURES or not store.answers():
                    break
            if report:
                report(number, len(news))
        return failures[0] if failures else None

    def _tell_one(self, store: Store, entry: Entry) -> None:
        known = store.known.get(entry.name)
        if known and known.status == "FINISHED":
            self.counts["there"] += 1
        else:
            _, session, lines = self.told.get(entry.name, ("", 0.0, 0))
            since = lines if session == entry.state[1] else 0
            store.tell(entry, entry.metrics(since), only_curves=since > 0 and entry.status == "running")
            self.counts["fed" if entry.status == "done" else entry.status] += 1
        self.runs[entry.name] = store.known[entry.name].run_id
        self.told[entry.name] = entry.state


def mirror(*, records: Sequence[Path], folder: Path, uri: str | None, runs: Path, report: Report) -> None:
    """Feed one run per record, and per job besides that is done in ``folder``; what is there already is left alone.

    uri: None for the database beside the study. Writes ``runs``, of ``records``: key, run_id, status ("done" or
    "pending"); pending jobs are fed by `sync`.
    """
    entries = entries_of(records, folder)
    asked = {entry.name for entry in entries}
    others = [each for each in entries_below(folder)[0] if each.status == "done" and each.name not in asked]
    feed = Feed(folder, uri or beside(folder))
    failure = feed.update([*entries, *others], report)
    if failure:
        waiting = len(asked - feed.runs.keys())
        print(
            f"warning: {waiting} of {len(entries)} jobs did not reach MLflow ({one_line(failure)}); "
            f'they are "pending" in {runs}: `make sync` feeds them',
            file=sys.stderr,
        )
    write_atomically(runs, _table(entries, feed.runs))


def sync(folders: Sequence[Path], uri: str | None) -> None:
    """Feed all that MLflow does not know of these studies, and say what was done. InputError where something stays."""
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing or not folders:
        raise InputError(f"{missing[0] if missing else 'results'}: no study has run here; name a folder results/STUDY")
    wrong = []
    for folder in folders:
        feed = Feed(folder, uri or beside(folder))
        wrong += _pass(feed)
        print(_summary(feed))
    if wrong:
        raise InputError(f"{wrong[0]}; nothing is lost: run again to feed what is pending")


def follow(folders: Callable[[], Sequence[Path]], uri: str | None, seconds: float) -> None:
    """The same every so many ``seconds``, for ever; an outage is told, and made up for when it is over."""
    feeds: dict[Path, Feed] = {}
    while True:
        for folder in folders():
            feed = feeds.setdefault(folder, Feed(folder, uri or beside(folder)))
            for line in _pass(feed):
                print(f"warning: {line}; trying again", file=sys.stderr, flush=True)
            if feed.counts:
                print(_summary(feed), flush=True)
        time.sleep(seconds)


def studies_below(results: Path) -> list[Path]:
    """The studies' folders; MLflow's artifacts lie beside them."""
    return [folder for folder in sorted(results.glob("*/")) if folder.name != ARTIFACTS]


def beside(folder: Path) -> str:
    """The database of all studies in one folder of results."""
    return f"sqlite:///{folder.parent / 'mlflow.db'}"


def one_line(error: Exception) -> str:
    """An error without the password that an address may hold."""
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    return re.sub(r"//[^/\s]+@", "//", reason)[:LONGEST_REASON]


def _pass(feed: Feed) -> list[str]:
    """Tell what is new of one study; a line for each thing that went wrong."""
    entries, complaints = entries_below(feed.folder)
    failure = feed.update(entries)
    return [*complaints, *([f"{feed.folder}: MLflow: {one_line(failure)}"] if failure else [])]


def _tried(entry: Entry, store: Store) -> bool:
    """Whether the job was told before, but not to its end: it has its turn after those that MLflow never heard of."""
    known = store.known.get(entry.name)
    return entry.status == "done" and known is not None and known.status != "FINISHED"


def _summary(feed: Feed) -> str:
    """ "results/demo: 3 jobs fed, 9 there already, 1 running, 0 pending"."""
    others = [f", {count} {name}" for name, count in sorted(feed.counts.items()) if name not in ALWAYS]
    counts = {name: feed.counts[name] for name in ALWAYS}
    return (
        f"{feed.folder}: {counts['fed']} jobs fed, {counts['there']} there already{''.join(others)}, "
        f"{counts['pending']} pending"
    )


def _table(entries: Sequence[Entry], runs: dict[Name, str]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["key", "run_id", "status"])
    for entry in entries:
        run_id = runs.get(entry.name, "")
        table.writerow([entry.key, run_id, "done" if run_id else "pending"])
    return text.getvalue()
