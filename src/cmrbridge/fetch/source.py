"""One file of a data set: where it comes from, how it is known again, where it goes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A row of resources/datasets.tsv.

    form: "archive" (unpacked, whatever its name ends in) or "file" (put in place as it is); urls: in the order in which
    they are tried, empty for what a person fetches; size: bytes, None when unknown; sha256: "" when unknown; place:
    folder of the data set that it belongs in, "." for the data set's own; holds: what the archive holds somewhere, a
    pattern of a path: the folder above it is the data set's, "" for all of the archive; registration: page of the form
    or of the links, "" for none; note: what a person must know.
    """

    dataset: str
    file: str
    form: str
    urls: tuple[str, ...]
    size: int | None
    sha256: str
    place: str
    holds: str
    licence: str
    registration: str
    note: str
    citation: str
