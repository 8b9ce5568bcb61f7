"""A data set's folder from its files: those that a person put down, those that a server gives, all of them verified."""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.fetch.archives.unpack import Limits, unpack
from cmrbridge.fetch.credentials import secret_of
from cmrbridge.fetch.download import Patience, by_hand, download
from cmrbridge.fetch.source import Source
from cmrbridge.fetch.verify import digest_of, misfit
from cmrbridge.files import write_atomically

MIB = 1 << 20
STEP = 8  # MiB between two words of progress: a line of a journal for each piece would be longer than the file
Report = Callable[..., None]  # step, total: MiB


def sources_from(rows: Sequence[Mapping[str, Any]]) -> list[Source]:
    """The rows of resources/datasets.tsv as what they are; other columns are for people."""
    fields = Source.__dataclass_fields__
    return [Source(**{name: row[name] for name in fields} | {"urls": tuple(row["urls"])}) for row in rows]


@dataclass(frozen=True)
class Places:
    """Where a data set lies below a folder of downloads."""

    folder: Path
    name: str

    @property
    def data(self) -> Path:
        """The data set, in the layout that its reader knows; there only when whole."""
        return self.folder / self.name

    @property
    def files(self) -> Path:
        """Its files as they come from their host; here a person puts down what no program may fetch."""
        return self.folder / f"{self.name}.files"

    @property
    def unfinished(self) -> Path:
        return self.folder / f".{self.name}.unfinished"


def fetch_dataset(
    sources: Sequence[Source],
    folder: Path,
    environment: Mapping[str, str],
    report: Report,
    patience: Patience = Patience(),  # noqa: B008  # frozen, as the next
    limits: Limits = Limits(),  # noqa: B008
) -> Path:
    """Make ``folder/NAME`` from the rows of one data set; gives it. A folder that is there already is left as it is.

    environment: where credentials are looked for; report: takes MiB that are here and in all. The file
    ``folder/NAME.files/sources.json`` records each file's digest and where it came from. Raises InputError, one
    line, before any server is asked where a file must be put down by hand or one that was does not fit.
    """
    places = Places(folder, sources[0].dataset)
    if places.data.is_dir() and any(places.data.iterdir()):
        return places.data
    places.files.mkdir(parents=True, exist_ok=True)
    missing = [source for source in sources if not (places.files / source.file).exists()]
    for source in missing:
        if not source.urls:
            path = places.files / source.file
            raise InputError(f"{path}: no program may fetch it ({source.licence}): {by_hand(source, path)}")
    origins = {source.file: _taken(source, places) for source in sources if source not in missing}
    for source in missing:
        secret = secret_of(source.dataset, source.urls[0], environment)
        path = places.files / source.file
        origins[source.file] = download(source, path, secret, patience, _in_mib(report))
    _record(sources, places, origins)
    _assemble(sources, places, limits, report)
    return places.data


def _taken(source: Source, places: Places) -> str:
    path = places.files / source.file
    reason = misfit(path, source)
    if reason:
        raise InputError(f"{path}: put there by hand, but {reason}: remove it, then {by_hand(source, path)}")
    return "put there by hand"


def _in_mib(report: Report) -> Callable[[int, int | None], None]:
    said = -STEP

    def tell(here: int, total: int | None) -> None:
        nonlocal said
        if here // MIB >= said + STEP or here == total:
            said = here // MIB
            report(said, total and -(-total // MIB))

    return tell


def _record(sources: Sequence[Source], places: Places, origins: Mapping[str, str]) -> None:
    rows = [
        {
            "file": source.file,
            "bytes": (places.files / source.file).stat().st_size,
            "sha256": source.sha256 or digest_of(places.files / source.file),
            "known": bool(source.sha256),
            "from": origins[source.file],
            "licence": source.licence,
            "citation": source.citation,
        }
        for source in sources
    ]
    write_atomically(places.files / "sources.json", json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def _assemble(sources: Sequence[Source], places: Places, limits: Limits, report: Report) -> None:
    """Everything in its place in a hidden folder, which then takes the data set's name."""
    shutil.rmtree(places.unfinished, ignore_errors=True)
    try:
        places.unfinished.mkdir()
        for source in sources:
            _put(source, places, limits, report)
        os.sync()  # what the name promises is on the disk before the name is
        os.replace(places.unfinished, places.data)
    finally:
        shutil.rmtree(places.unfinished, ignore_errors=True)


def _put(source: Source, places: Places, limits: Limits, report: Report) -> None:
    path, target = places.files / source.file, places.unfinished / source.place
    if source.form == "file":
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / source.file)
        return
    aside = places.unfinished / f".{source.file}"
    tell = _in_mib(report)
    unpack(path, aside, limits, lambda written: tell(written, None))
    inner = _inner(aside, source, path)
    target.mkdir(parents=True, exist_ok=True)
    for item in inner.iterdir():
        if (target / item.name).exists():
            raise InputError(f"{path}: holds {item.name}, which another file of {source.dataset} brought; get it again")
        os.replace(item, target / item.name)
    shutil.rmtree(aside)


def _inner(aside: Path, source: Source, path: Path) -> Path:
    """The folder of the unpacked archive that the data set's reader wants: the one above what it must hold."""
    if not source.holds:
        return aside
    depth = len(Path(source.holds).parts)
    found = {hit.parents[depth - 1] for hit in aside.rglob(source.holds)}
    if len(found) != 1:
        raise InputError(
            f"{path}: holds {source.holds} {len(found) or 'no'} times, not once: is it {source.file} of "
            f"{source.dataset}? {by_hand(source, path)}"
        )
    return found.pop()
