"""M&Ms, M&Ms-2 and Sunnybrook as their makers hand them out, oddities included, with a phantom's heart in them."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import contourpy
import nibabel
import numpy as np

from cmrbridge.core.anatomy import PHASES
from cmrbridge.data.phantom.cohort import draw_anatomy
from cmrbridge.data.phantom.generate import subject_seed
from cmrbridge.data.phantom.scan import scan
from cmrbridge.data.phantom.scanner import SCANNERS
from scans import Habit, export

FRAMES, ES = 8, 3
MNMS_ROWS = 345
MNMS_TABLE = "211230_M&Ms_Dataset_information_diagnosis_opendataset.csv"
MNMS2_FILES = ("SA_ED", "SA_ES", "LA_ED", "LA_ES")


@dataclass(frozen=True)
class Body:
    """images, labels by phase, both (x, y, slice); affine to RAS mm."""

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    affine: np.ndarray

    def moved(self, by: int) -> "Body":
        """Another person to whoever compares pixels: shifted, with noise of its own."""
        noise = np.random.default_rng(by).integers(0, 3, self.images["ED"].shape).astype(np.int16)
        images = {phase: np.roll(image, by, axis=0) + noise for phase, image in self.images.items()}
        return Body(images, {phase: np.roll(labels, by, axis=0) for phase, labels in self.labels.items()}, self.affine)

    def cine(self) -> np.ndarray:
        """(x, y, slice, frame): ED first, ES in frame `ES`."""
        share = [min(t / ES, (FRAMES - t) / (FRAMES - ES)) for t in range(FRAMES)]
        return np.stack([(1 - s) * self.images["ED"] + s * self.images["ES"] for s in share], axis=3).astype(np.int16)


def phantom_body() -> Body:
    """One scan of the phantom, cut down to the chest's middle."""
    of_anatomy, of_scan = subject_seed(0, "aurora", 0)
    result = scan(draw_anatomy(of_anatomy, "NOR"), SCANNERS["aurora"], of_scan)
    middle = np.argwhere(result.labels["ED"]).mean(axis=0).astype(int)
    x, y = (slice(at - 56, at + 56) for at in middle[:2])
    affine = result.affine.copy()
    affine[:3, 3] += affine[:3, 0] * x.start + affine[:3, 1] * y.start
    cut = ({phase: each[phase][x, y] for phase in PHASES} for each in (result.images, result.labels))
    return Body(*cut, affine)


def write(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = nibabel.Nifti1Image(voxels, affine)
    file.set_qform(affine, 1)
    file.set_sform(affine, 1)
    file.header.set_xyzt_units("mm")
    path.write_bytes(gzip.compress(file.to_bytes(), compresslevel=1))


def write_mnms(folder: Path, body: Body) -> None:
    """Five of 345 subjects: A1 with cosines that are not orthonormal, B1, C1 and C2 without labels, D1; the table holds
    ED = ES = 0 for C2 and D1."""
    homes = {"A1": "Training/Labeled", "B1": "Validation", "C1": "Training/Unlabeled", "C2": "Training/Unlabeled",
             "D1": "Testing"}  # fmt: skip
    rows = [",External code,VendorName,Vendor,Centre,ED,ES,Age,Pathology,Sex,Height,Weight"]
    names = {"A": "Siemens", "B": "Philips", "C": "GE", "D": "Canon"}
    for number in range(MNMS_ROWS - len(homes)):
        rows.append(f"{number},X{number:03d},Siemens,A,1,0,9,40,NOR,F,170,70")
    for number, (code, home) in enumerate(homes.items()):
        one, affine = body.moved(number), body.affine.copy()
        affine[:3, 0] += 0.002 * affine[:3, 1] * (code == "A1")
        labels = np.zeros((*one.labels["ED"].shape, FRAMES), np.uint8)
        if "Unlabeled" not in home:
            labels[..., 0], labels[..., ES] = one.labels["ED"], one.labels["ES"]
        write(folder / home / code / f"{code}_sa.nii.gz", one.cine(), affine)
        write(folder / home / code / f"{code}_sa_gt.nii.gz", labels, affine)
        es = 0 if code in ("C2", "D1") else ES
        rows.append(f"{340 + number},{code},{names[code[0]]},{code[0]},{number + 1},0,{es},50,HCM,M,,")
    (folder / MNMS_TABLE).write_text("\n".join(rows) + "\n")


def write_mnms2(folder: Path, body: Body) -> None:
    """Three subjects: short-axis ED, ES and cine, long-axis ED and ES."""
    machines = ["SIEMENS,Avanto,1.5", "GE MEDICAL SYSTEMS,SIGNA EXCITE,1.5", "Philips Medical Systems,Achieva,3.0"]
    rows = ["SUBJECT_CODE,DISEASE,VENDOR,SCANNER,FIELD"]
    for number, machine in enumerate(machines, 1):
        one, name = body.moved(number), f"{number:03d}"
        home = folder / "dataset" / name
        for kind in MNMS2_FILES:
            phase, slices = kind[3:], slice(None) if kind.startswith("SA") else slice(4, 5)
            write(home / f"{name}_{kind}.nii.gz", one.images[phase][:, :, slices], one.affine)
            write(home / f"{name}_{kind}_gt.nii.gz", one.labels[phase][:, :, slices], one.affine)
        write(home / f"{name}_SA_CINE.nii.gz", one.cine(), one.affine)
        rows.append(f"{number},NOR,{machine}")
    (folder / "dataset_information.csv").write_text("\n".join(rows) + "\n")


def write_sunnybrook(folder: Path, body: Body) -> None:
    """Two cases of DICOM with the experts' polygons: endocardium and epicardium at ED, endocardium alone at ES."""
    rows = ["PatientID,OriginalID,Gender,Age,PathologyID,Pathology"]
    for number, case in enumerate(("SC-HF-I-01", "SC-N-03"), 1):
        one, patient = body.moved(number), f"SCD000{number}01"
        home = folder / f"SCD_IMAGES_0{number}" / patient / "CINESAX_300"
        export(home, one.cine(), one.affine, Habit("GE MEDICAL SYSTEMS", "SIGNA"), number=3, study=f"1.2.{number}")
        expert = folder / "SCD_ManualContours" / case / "contours-manual" / "IRCCI-expert"
        expert.mkdir(parents=True)
        _draw(expert, one.labels["ED"], 0, {"i": (1,), "o": (1, 2)})
        _draw(expert, one.labels["ES"], ES, {"i": (1,)})
        rows.append(f"{patient},{case.replace('-0', '-')},Male,50,1,x")
    (folder / "scd_patientdata.csv").write_text("\n".join(rows) + "\n")


def _draw(expert: Path, labels: np.ndarray, frame: int, contours: dict[str, Iterable[int]]) -> None:
    """A polygon for each slice in which the cavity lies, named after the image in time order."""
    for at in np.flatnonzero((labels == 1).any(axis=(0, 1))):
        for kind, codes in contours.items():
            mask = np.isin(labels[:, :, at].T, list(codes)).astype(float)
            polygon = max(contourpy.contour_generator(z=mask).lines(0.5), key=len)
            np.savetxt(expert / f"IM-0001-{FRAMES * at + frame + 1:04d}-{kind}contour-manual.txt", polygon, fmt="%.2f")
