"""The same without a server: files in, masks out."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from cmrbridge.app.case import Case, frame, labels_file
from cmrbridge.app.measures import by_volume, oddities, summary, volumes_ml
from cmrbridge.app.package import read_package
from cmrbridge.app.predict import Network, load_network, segment, unlike
from cmrbridge.app.settings import cores
from cmrbridge.app.temporary import private_folder
from cmrbridge.app.upload import open_folder, open_upload
from cmrbridge.data.dicom.sniff import dicom_files
from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically

SUFFIXES = (".nii", ".nii.gz")


def predict_all(model: Path, source: Path, output: Path) -> Iterator[str]:
    """Segment ``source`` by the network in ``model``: a NIfTI file, a zip or tar or a folder of DICOM files into the
    mask ``output``; a folder of NIfTI files, each a study, into masks of the same names in the folder ``output``.

    Yields a line of measures or warnings per study. InputError names the file; what was written before it stays.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder; name a NIfTI file, an archive or a folder of images")
    network = load_network(read_package(model), cores())
    work = _work(source, output)
    _check(work)
    for path, mask in work:
        with private_folder() as folder:
            try:
                case = _opened(path, folder)
            except InputError as error:
                raise InputError(f"{path}: {error}".replace(f"{folder}/", "")) from None
            yield from _predicted(network, folder, case, mask)


def _work(source: Path, output: Path) -> list[tuple[Path, Path]]:
    """(study, mask) for each study in ``source``."""
    niftis = sorted(path for path in source.glob("*") if path.name.endswith(SUFFIXES)) if source.is_dir() else []
    if not niftis:
        if not output.name.endswith(SUFFIXES[1]):
            raise InputError(f"{output}: one mask is written; give it a name that ends in {SUFFIXES[1]}")
        return [(source, output)]
    return [(path, output / (path.name.removesuffix(".gz").removesuffix(".nii") + SUFFIXES[1])) for path in niftis]


def _check(work: list[tuple[Path, Path]]) -> None:
    """InputError where a mask would take the place of an image or of another mask."""
    images, taken = {path.resolve() for path, _ in work}, set[Path]()
    for _, mask in work:
        if mask.resolve() in images:
            raise InputError(f"{mask}: is the image itself; name another output")
        if mask in taken:
            raise InputError(f"{mask}: the mask of two images, one packed and one not; take one of them away")
        taken.add(mask)


def _opened(path: Path, folder: Path) -> Case:
    if path.is_dir():
        if not dicom_files(path)[0]:
            raise InputError("no NIfTI and no DICOM file in it; name the folder that holds the images")
        return open_folder(path, folder)
    return open_upload(Path(shutil.copyfile(path, folder / "upload")), folder)


def _predicted(network: Network, folder: Path, case: Case, mask: Path) -> Iterator[str]:
    """Write one case's mask, and say what it measures."""
    labels = [segment(network, frame(folder, case, number), case.centre) for number in range(case.frames)]
    mask.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(mask, labels_file(folder, case, labels))
    ml = {number: volumes_ml(one, case.spacing) for number, one in enumerate(labels)}
    ed, es = by_volume(ml, (case.ed, case.es))
    lv = summary(ml, ed, es)["LV"]
    told = f"LV {lv['edv_ml']:.1f} mL"
    if lv["ef_percent"] is not None:
        told = f"LV EDV {lv['edv_ml']:.1f} mL, ESV {lv['esv_ml']:.1f} mL, EF {lv['ef_percent']:.1f} %"
    yield f"{mask}: {case.frames} frame{'s' * (case.frames > 1)}, {told} (research use only)"
    verdict = unlike(network.package, folder, case)
    if verdict and verdict["warn"]:
        yield f"{mask}: {verdict['words']}"
    for number in (ed, es) if case.frames > 1 else (ed,):
        yield from (f"{mask}: frame {number}: {words}" for words in oddities(labels[number]))
