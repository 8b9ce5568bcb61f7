"""Entry point: look at every file of every data set, and write the table, the page and the summary."""

import csv
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmrbridge.data.check.cohort import cohort_faults, copy_faults, metadata_faults, repeated
from cmrbridge.data.check.facts import Facts, look, told
from cmrbridge.data.check.files import read_nifti
from cmrbridge.data.check.folder import split_faults, table_faults, unread, volumes_in
from cmrbridge.data.check.page import Case, page, summary_of
from cmrbridge.data.check.problem import Fault, Problem, as_csv, merged, ordered, problem
from cmrbridge.data.check.subjects import subject_faults
from cmrbridge.data.frames import Frame, IngestSettings
from cmrbridge.data.readers import READERS, codes_of
from cmrbridge.files import write_atomically

if TYPE_CHECKING:  # the protocol lives beside torch, which reading files does not need
    from cmrbridge.core.loop import Report

Person = tuple[list[Frame], dict[str, int]]


@dataclass(frozen=True)
class DataSet:
    """A folder and how it is read; of ``settings`` size and spacing matter to nobody here."""

    folder: Path
    settings: IngestSettings

    @property
    def codes(self) -> dict[str, int]:
        """Code of each structure in the files."""
        return codes_of(self.folder, self.settings)


def datasets_of(folders: Iterable[str | Path], settings: Iterable[dict[str, Any]]) -> list[DataSet]:
    """Data sets by their folders and what `IngestSettings` says of their files."""
    pairs = zip(folders, settings, strict=True)
    return [DataSet(Path(folder), IngestSettings(size=0, spacing_mm=0.0, **told)) for folder, told in pairs]


def check(
    *, datasets: list[DataSet], table: Path, page_file: Path, summary: Path, report: "Report", workers: int = 1
) -> list[Problem]:
    """Write the table of all problems, the page with their pictures and the summary; gives the problems.

    workers: processes that look at subjects side by side; the result is the same for any number.
    """
    problems, frames = find_problems(datasets, workers, report)
    subjects = {name: len({one.subject for one in listed}) for name, listed in frames.items()}
    text = summary_of(problems, subjects)
    cases: dict[Case, Frame] = {(one.dataset, one.subject, one.phase): one for each in frames.values() for one in each}
    codes = {one.settings.dataset: one.codes for one in datasets if frames[one.settings.dataset]}
    html = page(problems, cases, codes, text)
    for path, content in ((table, as_csv(problems)), (page_file, html), (summary, f"{text}\n")):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return problems


def find_problems(
    datasets: list[DataSet], workers: int, report: "Report"
) -> tuple[list[Problem], dict[str, list[Frame]]]:
    """(problems in the order of the table, frames of each data set)."""
    frames: dict[str, list[Frame]] = {}
    problems: list[Problem] = []
    people: list[Person] = []
    counts: dict[str, int] = {}
    for one in datasets:
        name, volumes = one.settings.dataset, volumes_in(one.folder)
        counts[name] = len(volumes)
        frames[name], found = _listed(one, volumes)
        problems += found
        people += [(list(group), one.codes) for _, group in groupby(frames[name], key=lambda frame: frame.subject)]
    facts: list[Facts] = []
    for done, (seen, found) in enumerate(_spread(people, workers), 1):
        facts += seen
        problems += found
        report(done, len(people), problems=float(len(problems)))
    problems += _compared(facts, frames)
    return ordered(merged(problems, counts)), frames


def look_at_subject(person: Person) -> tuple[list[Facts], list[Problem]]:
    """All that the files of one subject show, each frame apart and both beside one another."""
    frames, codes = person
    looked = [look(frame, codes) for frame in frames]
    facts = [seen for seen, _ in looked if seen is not None]
    problems = [one for _, found in looked for one in found]
    if facts:
        problems += [told(fault, one.frame, one.frame.image) for one, fault in subject_faults(facts)]
    return facts, problems


def _spread(people: list[Person], workers: int) -> Iterator[tuple[list[Facts], list[Problem]]]:
    """In the order of the subjects, one after the other or by several processes."""
    if workers == 1:
        yield from map(look_at_subject, people)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(look_at_subject, people)


def _listed(one: DataSet, volumes: list[Path]) -> tuple[list[Frame], list[Problem]]:
    """The data set's frames, and what its folder and tables show; no frames where its reader refuses them."""
    tell = partial(problem, dataset=one.settings.dataset)
    problems = [tell(fault, file=str(path)) for path, fault in table_faults(one.folder)]
    problems += [tell(fault, file=str(one.folder)) for fault in split_faults(volumes, one.folder)]
    try:
        frames = READERS[one.settings.reader](one.folder, one.settings)
    except (ValueError, OverflowError, OSError, csv.Error) as error:  # InputError, and what no reader foresaw
        frames = []
        problems.append(tell(Fault("layout", str(error)), file=str(one.folder)))
    else:
        faults = [*metadata_faults(frames), *repeated(frames)]
        problems += [tell(fault, file=str(one.folder)) for fault in faults]
    for path in unread(volumes, frames):
        if frames:
            problems.append(tell(Fault("unread", "no subject and phase of the data set names it"), file=str(path)))
        problems += [tell(fault, file=str(path)) for fault in read_nifti(path)[1]]
    return frames, problems


def _compared(facts: list[Facts], datasets: Iterable[str]) -> list[Problem]:
    """What shows only beside other subjects."""
    found = [each for name in datasets for each in cohort_faults([one for one in facts if one.frame.dataset == name])]
    return [told(fault, one.frame, one.frame.image) for one, fault in [*found, *copy_faults(facts)]]
