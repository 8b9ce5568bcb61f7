"""One short function per layout on disk: folder in, frames out."""

from collections.abc import Callable
from pathlib import Path

from cmrbridge.data.exchange.listing import LISTING, codes_in
from cmrbridge.data.frames import Frame, IngestSettings
from cmrbridge.data.readers.acdc import read_acdc
from cmrbridge.data.readers.listed import read_msd, read_nnunet
from cmrbridge.data.readers.manifest import read_manifest
from cmrbridge.data.readers.mnms import read_mnms
from cmrbridge.data.readers.mnms2 import read_mnms2

READERS: dict[str, Callable[[Path, IngestSettings], list[Frame]]] = {
    "acdc": read_acdc,
    "mnms": read_mnms,
    "mnms2": read_mnms2,
    "manifest": read_manifest,
    "nnunet": read_nnunet,
    "msd": read_msd,
}

# The structures' codes in the files, where a study's config does not say otherwise.
LABELS: dict[str, dict[str, int]] = {
    "acdc": {"LV": 3, "MYO": 2, "RV": 1},
    "mnms": {"LV": 1, "MYO": 2, "RV": 3},
    "mnms2": {"LV": 1, "MYO": 2, "RV": 3},
    "manifest": {"LV": 1, "MYO": 2, "RV": 3},
}


def codes_of(folder: Path, settings: IngestSettings) -> dict[str, int]:
    """The structures' codes in the files: the study's, else those that the folder's dataset.json names (of nnU-Net, of
    the Decathlon, beside a manifest that was written for such a folder), else the reader's."""
    named = settings.reader not in LABELS or (settings.reader == "manifest" and (folder / LISTING).is_file())
    return settings.labels or (codes_in(folder) if named else LABELS[settings.reader])
