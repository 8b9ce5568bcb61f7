"""A generated set for use outside: image and mask files, dataset.json as nnU-Net reads it, and a card."""

import gzip
import json
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError

Bytes = NDArray[np.uint8]
Spacing = tuple[float, float, float]
Form = Literal["nifti", "png"]

ENDINGS = {"nifti": ".nii.gz", "png": ".png"}
NAMES = {"LV": "left ventricular cavity", "MYO": "left ventricular myocardium", "RV": "right ventricular cavity"}


def export_pairs(
    *,
    synthetic: Path,
    folder: Path,
    form: Form,
    licence: str,
    about: Mapping[str, Any],
    audit: Path | None,
) -> None:
    """Write ``folder`` anew: imagesTr/, labelsTr/, dataset.json (nnU-Net v2) and the card README.md.

    synthetic: pack of generated images with masks. form: "nifti", one slice a file, (x, y, 1) with its spacing in mm,
    or "png", 8-bit grey whose labels are the values 0…3. licence: of the source data, inherited. about: what the card
    says of the origin, in this order (source domain, data set, generator seed, model digest …). audit: json of
    `evaluation.privacy`, whose verdict the card repeats.

    The folder appears under its name when it is whole, and not before; equal inputs give equal bytes. A folder that
    this function did not write is left alone.
    """
    if form not in ENDINGS:
        raise InputError(f"form: {form!r} is not one of {', '.join(ENDINGS)}")
    if not licence.strip():
        raise InputError(f"{folder}: the generated set inherits the licence of its source data: name it")
    pack = read_pack(synthetic)
    if pack.labels is None or len(pack.images) == 0:
        raise InputError(f"{synthetic}: holds no pairs of image and mask; render it again")
    verdict = None if audit is None else _read_audit(audit)
    if folder.exists() and not _ours(folder):
        raise InputError(f"{folder}: exists and is no exported set; choose another folder or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        partial.chmod(0o755)  # mkdtemp's is the owner's alone
        _write_pairs(partial, pack, form)
        _write_text(partial / "dataset.json", json.dumps(_dataset(len(pack.images), form, licence), indent=2) + "\n")
        _write_text(partial / "README.md", _card(pack, form, licence, about, verdict))
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _ours(folder: Path) -> bool:
    """Whether a folder holds nothing but what an export writes."""
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else {""}
    return names <= {"imagesTr", "labelsTr", "dataset.json", "README.md"}


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def _write_pairs(folder: Path, pack: Pack, form: Form) -> None:
    """imagesTr/synthetic_00000_0000.* and labelsTr/synthetic_00000.*, in the pack's order."""
    assert pack.labels is not None  # export_pairs insists
    write: Callable[[Path, Bytes, Spacing], None] = write_slice if form == "nifti" else _write_picture
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir()
    for index, (image, labels) in enumerate(zip(pack.images, pack.labels, strict=True)):
        spacing, stem = pack.cases[int(pack.case[index])].spacing, f"synthetic_{index:05d}"
        write(folder / "imagesTr" / f"{stem}_0000{ENDINGS[form]}", image, spacing)
        write(folder / "labelsTr" / f"{stem}{ENDINGS[form]}", labels, spacing)


def write_slice(path: Path, plane: Bytes, spacing: Spacing) -> None:
    """One plane (row, column) as NIfTI-1, voxels (x, y, 1) = (column, row, 1), spacing (slice, row, column) in mm.

    The affine says what the canonical planes are: columns run toward the patient's left, rows toward the back; RAS.
    """
    import nibabel  # heavy, and absent where generators are trained

    thickness, row, column = spacing
    affine = np.diag([-column, -row, thickness, 1.0])
    image = nibabel.Nifti1Image(np.ascontiguousarray(plane.T[:, :, None]), affine)
    image.header.set_xyzt_units("mm")
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))


def _write_picture(path: Path, plane: Bytes, spacing: Spacing) -> None:
    write_grey_png(path, plane, (spacing[1], spacing[2]))


def write_grey_png(path: Path, plane: Bytes, spacing: tuple[float, float]) -> None:
    """One plane (row, column) as 8-bit grey PNG, values kept; spacing (row, column) in mm goes into its pHYs chunk."""
    height, width = plane.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), plane], axis=1)  # filter 0 per line
    per_metre = [round(1000 / mm) for mm in reversed(spacing)]
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"pHYs", struct.pack(">IIB", *per_metre, 1)),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),
        (b"IEND", b""),
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _dataset(count: int, form: Form, licence: str) -> dict[str, Any]:
    """dataset.json of nnU-Net v2; a PNG has no third axis, a NIfTI slice has one of length 1."""
    reader = {"nifti": "NibabelIO", "png": "NaturalImage2DIO"}[form]
    return {
        "name": "synthetic short-axis cardiac MR",
        "licence": licence,
        "channel_names": {"0": "cine MRI"},
        "labels": {"background": 0, **STRUCTURES},
        "numTraining": count,
        "file_ending": ENDINGS[form],
        "overwrite_image_reader_writer": reader,
    }


def _read_audit(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {key: content[key] for key in ("verdict", "reasons", "controls", "negatives", "generated")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a readable privacy audit ({error}); run the audit again") from error


def _card(pack: Pack, form: Form, licence: str, about: Mapping[str, Any], audit: dict[str, Any] | None) -> str:
    """README.md: what, how many, from what, licence, audit, limits."""
    count, size = len(pack.images), pack.images.shape[1:]
    thickness, row, column = pack.cases[0].spacing
    assert pack.labels is not None  # export_pairs insists
    shows = {name: int((pack.labels == code).any(axis=(1, 2)).sum()) for name, code in STRUCTURES.items()}
    parts = [
        "# Synthetic short-axis cardiac MR",
        f"{count} pairs of a generated image and its mask, {size[0]} × {size[1]} pixels of {row:g} × {column:g} mm. "
        "Masks were drawn by label diffusion, images rendered from them by a SPADE diffusion model. "
        "No image shows a patient, and none is a measurement.",
        "## Files",
        _files(form),
        "| label | structure | slices that show it |\n|---|---|---|\n"
        + "\n".join(f"| {code} | {NAMES[name]} ({name}) | {shows[name]} |" for name, code in STRUCTURES.items()),
        "## Origin",
        "\n".join(f"- {key}: {value}" for key, value in about.items()) or "Not stated.",
        "## Licence",
        f"{licence}. It is that of the data the generator was trained on; its terms hold for this set too.",
        "## Privacy audit",
        _audited(audit),
        "## Limits",
        "\n".join(_limits(thickness)),
    ]
    return "\n\n".join(parts) + "\n"


def _files(form: Form) -> str:
    kind = (
        "NIfTI files of one slice each, axes x, y, slice; the affine gives the spacing, its origin means nothing"
        if form == "nifti"
        else "8-bit grey PNG files; labels are the grey values themselves, so they look black; pHYs gives the spacing"
    )
    return f"`imagesTr/` and `labelsTr/` hold {kind}. `dataset.json` is read by nnU-Net v2."


def _audited(audit: dict[str, Any] | None) -> str:
    if audit is None:
        return "**Not audited.** Do not share this set: it may hold copies of training images."
    lines = [
        f"Verdict: **{audit['verdict']}**.",
        *(f"- {reason}" for reason in audit["reasons"]),
        f"- {audit['generated']['copies']} of {audit['generated']['n']} generated images lie nearer to a training "
        "image than the threshold",
        f"- disturbed training images that the audit caught: {audit['controls']['caught']:.1%} of "
        f"{audit['controls']['n']}; other patients' images it took for copies: {_share(audit)}",
    ]
    return lines[0] + "\n\n" + "\n".join(lines[1:])


def _share(audit: dict[str, Any]) -> str:
    rate, count = audit["negatives"]["false_alarms"], audit["negatives"]["n"]
    return "unknown" if rate is None else f"{rate:.1%} of {count}"


def _limits(thickness: float) -> list[str]:
    return [
        "- For research only: not for diagnosis, nor to judge a device or a patient.",
        "- Single slices: neighbours in the list are no volume, and there is no motion; the slice spacing "
        f"({thickness:g} mm) is that of the source.",
        "- Grey values are scaled to 0…255 as in the source's prepared slices; they have no unit.",
        "- What its source lacks, the set lacks too: it knows no other patients, scanners or diseases.",
        "- An audit finds the copies it can measure; it is no proof that nothing can be learnt about a patient.",
    ]
