"""A person taken out of every study of one folder of results, and kept out of the next ones."""

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cmrbridge.core.keys import NAME, listed_as, read_salt
from cmrbridge.custody.holdings import Holding, Person, appearances, holdings, person_called, untold
from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically
from cmrbridge.plan.consent import COLUMNS, LIST, read_forgotten
from cmrbridge.runtime.entries import entries_below
from cmrbridge.runtime.snakelock import workers
from cmrbridge.runtime.status import unfinished
from cmrbridge.runtime.sync import beside, studies_below

OUT_OF_REACH = (
    "out of reach, and yours to see to: the data set's own files ({files}); backups and snapshots of disks; what was "
    "handed on (RO-Crates, exported sets, bundles of scores, models, pages of `snakemake --report`); results on other "
    "machines; what terminals and Slurm's logs have kept; what a server of MLflow keeps until its owner calls "
    "`mlflow gc`"
)

Removal = Callable[[str, Path, frozenset[str]], int]


@dataclass(frozen=True)
class Request:
    """What is to be forgotten. rows: (data set, key) for the list; held: study → what goes; files: the person's own,
    outside the results, where a table tells them; unreadable: a line about each record that tells nothing."""

    rows: tuple[tuple[str, str], ...]
    held: dict[Path, list[Holding]]
    files: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    def told(self) -> str:
        """What goes, a line per folder, and what stays."""
        lines = [f"left out of every data set {dataset} from now on, as {key}" for dataset, key in self.rows]
        if len({dataset for dataset, _ in self.rows}) > 1:
            lines.append("several data sets know this name: if these are several people, name one as DATASET/SUBJECT")
        for holding in (one for each in self.held.values() for one in each):
            count = len(holding.files)
            lines.append(f"goes: {holding.folder} ({count} file{'s' if count > 1 else ''})")
        lines += [f"cannot be judged: {line}; look at that folder yourself" for line in self.unreadable]
        lines += [f"{study}: what else is made of these data sets, the next run makes anew" for study in self.held]
        return "\n".join([*lines, OUT_OF_REACH.format(files=", ".join(self.files) or "wherever the study says")])


def find(results: Path, subject: str) -> Request:
    """What studies below ``results`` hold of the person who is called ``subject``, by name or key, or DATASET/ before
    it where several data sets have the name.

    InputError where no study and no list knows such a person.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; name the folder of the studies by --results")
    salt = read_salt(results / NAME)
    person, studies = person_called(subject, salt), studies_below(results)
    found = {study: appearances(study, person) for study in studies}
    listed = {
        (dataset, key)
        for dataset, keys in read_forgotten(results).items()
        for key in keys
        if key in person.names and person.dataset in ("", dataset)
    }
    rows = listed | {(dataset, listed_as(label, salt)) for each in found.values() for dataset, label in each}
    if not rows:
        raise InputError(
            f"{results}: no study knows this subject; give the name that the data set's own tables have, or the key: "
            "`cmrbridge keys FOLDER` tells which is whose"
        )
    held = {study: holdings(study, each) for study, each in found.items() if each}
    files = {path for study in held for path in _files_of(study, person, results)}
    unreadable = [line for study in studies for line in [*entries_below(study)[1], *untold(study)]]
    return Request(tuple(sorted(rows)), held, tuple(sorted(files)), tuple(unreadable))


def forget(results: Path, asked: Request, uri: str | None, remove: Removal, tell: Callable[[str], None]) -> None:
    """List the person, then remove what is held: MLflow's runs first, since files tell which they are.

    Whatever stops it, a second call finds what is left: each study's files go before those by which they are found.
    uri: of MLflow, None for the database beside the studies. InputError while a job or Snakemake is at work.
    """
    working = [*map(str, workers(Path.cwd())), *(job.job for job in unfinished(results) if job.runs)]
    if working:
        raise InputError(f"{results}: {', '.join(working)} at work; wait for it or end it, then run the same again")
    _list(results, asked.rows)
    for study, held in asked.held.items():
        keys = frozenset(key for one in held for key in one.keys)
        runs = remove(uri or beside(study), study, keys)
        tell(f"{study}: {runs} runs removed from MLflow")
        for one in held:
            _delete(one)
            tell(f"{one.folder}: {len(one.files)} files removed")


def _list(results: Path, rows: Iterable[tuple[str, str]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerows([COLUMNS, *sorted(_rows(results) | set(rows))])
    write_atomically(results / LIST, text.getvalue())


def _rows(results: Path) -> set[tuple[str, str]]:
    return {(dataset, key) for dataset, keys in read_forgotten(results).items() for key in keys}


def _delete(holding: Holding) -> None:
    for path in holding.files:
        path.unlink(missing_ok=True)
    for place, _, _ in os.walk(holding.folder, topdown=False):
        with suppress(OSError):  # another job's folder below
            os.rmdir(place)


def _files_of(study: Path, person: Person, results: Path) -> Sequence[str]:
    """The person's images and labels outside ``results``."""
    found = []
    for table in sorted(study.glob("ingest/*/subjects.csv")):
        with table.open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if person.is_called(row["dataset"], row["subject"])]
        found += [row[kind] for row in rows for kind in ("image", "label") if row[kind]]
    return [path for path in found if results.resolve() not in Path(path).resolve().parents]
