"""Converting a folder of DICOM in a test: what came out, or the one line that refused it."""

import csv
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.data.dicom.convert import DicomSettings, convert_dicom
from cmrbridge.errors import InputError

Rows = list[dict[str, str]]


def convert(folder: Path, output: Path | None = None, **settings) -> tuple[Rows, Rows, Path]:
    """(rows of cines.csv, rows of manifest.csv, the output); the salt lies beside the folder."""
    output = output or folder.with_name("out")
    convert_dicom(
        folder=folder,
        output=output,
        settings=DicomSettings(**settings),
        salt=folder.with_name("salt"),
        report=lambda *_, **__: None,
    )
    cines, manifest = (list(csv.DictReader((output / f"{name}.csv").open())) for name in ("cines", "manifest"))
    return cines, manifest, output


def refused(folder: Path, **settings) -> str:
    """The error: one line that says what to do and names no patient; nothing that looks whole is left behind."""
    with pytest.raises(InputError) as caught:
        convert(folder, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message, "what is wrong; what to do"
    assert "planted" not in message.lower()
    assert not (folder.with_name("out") / "manifest.csv").exists()
    return message


def same(output: Path, row: dict[str, str], cine: np.ndarray, affine: np.ndarray) -> None:
    """The row's NIfTI is ``cine`` (x, y, slice, frame) at ``affine``."""
    image = nibabel.load(output / row["image"])
    np.testing.assert_array_equal(np.asarray(image.dataobj), cine)
    np.testing.assert_allclose(image.affine, affine, atol=1e-4)
    np.testing.assert_allclose(image.get_qform(), affine, atol=1e-3)
