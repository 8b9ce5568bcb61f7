"""What a check finds: a fault, and as a row of the table a problem. Every kind, how grave it is, and its remedy."""

import csv
import io
from dataclasses import astuple, dataclass, fields

SEVERITIES = ("error", "warning", "note")
HABIT = 0.1  # share of a data set's files from which on a fault is its habit, which one row tells
FEWEST = 3  # files that make a habit


@dataclass(frozen=True)
class Kind:
    """severity: error stops a study, warning wants a look, note is good to know; habit: whether a data set may have it
    throughout, and is then told once."""

    severity: str
    remedy: str
    habit: bool = False


ANEW = "fetch or export the file again"
GRID = "resample the labels onto their image's grid"
CONTOUR = "look at the contours; correct them, or leave the subject out"
LOOK = "look at the picture; if the file is right, nothing is to be done"
GAPS = "look whether slices were left out on purpose; volumes count what is there"

KINDS = {
    # the data set's folder and tables
    "layout": Kind("error", "mend what the message names; until then the subjects of this data set are not looked at"),
    "formula": Kind("error", "delete the cell's first character: a spreadsheet would run it as a formula"),
    "two_splits": Kind("error", "keep the subject in one of the folders: it would be trained on and tested"),
    "repeated": Kind("error", "keep one pair of files per subject and phase"),
    "unread": Kind("note", "nothing, if these files are not meant to be used", habit=True),
    "metadata_missing": Kind("note", "fill the column in if domains or subgroups are to be chosen by it"),
    "field_strength": Kind("warning", "write the field strength in tesla"),
    "spelling": Kind("warning", "write one name in one way: domains are chosen by it"),
    # a file
    "missing": Kind("error", "put the file there, or take its row out of the table"),
    "damaged": Kind("error", ANEW),
    "not_nifti": Kind("error", "export the file as NIfTI (.nii or .nii.gz)"),
    "header_size": Kind("error", ANEW),
    "header_type": Kind("error", "export plain numbers with a header that names their type"),
    "header_value": Kind("error", "export the file again with a valid header"),
    "slice_axis": Kind("note", "nothing; predictions are written along the same axes"),
    "spacing": Kind("error", "write the spacing (pixdim) and its unit into the header"),
    "frame": Kind("error", "name a time frame that the file has, or split the file"),
    "not_finite": Kind("error", ANEW),
    "constant": Kind("error", ANEW),
    "blank_slice": Kind("warning", "export the stack again, or take the slice out"),
    "repeated_slice": Kind("warning", "export the stack again: one slice stands in two places"),
    "units_unknown": Kind("note", "nothing, if the spacing is in mm: it is read so", habit=True),
    "units": Kind("note", "nothing: the spacing is turned into mm", habit=True),
    "spacing_disagrees": Kind("warning", "nothing, if pixdim is right: it is what is read", habit=True),
    "no_affine": Kind("note", "export with sform or qform, if orientations matter", habit=True),
    "forms_disagree": Kind("warning", "make sform and qform equal; sform is what is read", habit=True),
    "not_orthonormal": Kind("note", "nothing: they need not stand so here; ITK refuses such files", habit=True),
    "scaling": Kind("warning", "export with scl_slope 1 and scl_inter 0", habit=True),
    "endian": Kind("note", "nothing: it is read", habit=True),
    "intent": Kind("note", LOOK, habit=True),
    # labels and their image
    "label_shape": Kind("error", GRID),
    "label_place": Kind("error", GRID),
    "label_shift": Kind("warning", GRID, habit=True),
    "label_one_hot": Kind("error", "write one volume with a code per structure"),
    "label_fraction": Kind("error", "export the labels without interpolation or scaling"),
    "label_rounded": Kind("note", "nothing: they are rounded", habit=True),
    "label_values": Kind("error", "correct the data set's `labels` (the code of each structure), or the file"),
    "label_unasked": Kind("note", "nothing, if it is not to be used; else name it in `annotated`", habit=True),
    "label_empty": Kind("warning", "nothing, if the frame was not annotated: it is read so"),
    "structure_empty": Kind("warning", "take it out of `annotated` if nobody drew it", habit=True),
    "codes_swapped": Kind("error", "correct the data set's `labels` (the code of each structure)"),
    "dark_cavity": Kind("warning", "look whether the labels belong to this image", habit=True),
    "off_image": Kind("warning", "look whether the labels belong to this image"),
    # anatomy
    "ring_open": Kind("note", CONTOUR),
    "pieces": Kind("note", CONTOUR),
    "rv_touches_lv": Kind("note", CONTOUR),
    "rv_apart": Kind("note", CONTOUR),
    "mirrored": Kind("warning", "export image and labels again with the affine of the scan", habit=True),
    "gap": Kind("warning", CONTOUR),
    "volume": Kind("warning", "look at spacing and contours"),
    # a subject
    "phase_order": Kind("warning", "exchange ED and ES"),
    "one_phase": Kind("note", "nothing: ejection fractions of this subject are left out"),
    "phases_grid": Kind("warning", "take both phases from one acquisition"),
    "phases_slices": Kind("note", GAPS, habit=True),
    "slices_left_out": Kind("note", GAPS, habit=True),
    "phases_equal": Kind("warning", "take the two phases from different time frames"),
    "phases_metadata": Kind("warning", "give both phases of a subject the same attributes"),
    # a data set, or several
    "slices": Kind("note", LOOK, habit=True),
    "outlier": Kind("note", LOOK),
    "orientation": Kind("note", LOOK),
    "duplicate_image": Kind("warning", "nothing: a study keeps the first subject and drops the other whole"),
    "duplicate_label": Kind("warning", "look which of the images these labels belong to"),
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """check: key of `KINDS`; what: one clause with its figures; slice: 0-based, of the file, where there is one."""

    check: str
    what: str
    slice: int | None = None


@dataclass(frozen=True)
class Problem:
    """A row of the table; slice counts from 0 and is empty where the problem is not a slice's."""

    severity: str
    dataset: str
    subject: str
    phase: str
    file: str
    slice: str
    check: str
    what: str
    remedy: str


COLUMNS = tuple(field.name for field in fields(Problem))


def problem(fault: Fault, dataset: str, subject: str = "", phase: str = "", file: str = "") -> Problem:
    """The row of a fault."""
    kind = KINDS[fault.check]
    index = "" if fault.slice is None else str(fault.slice)
    return Problem(kind.severity, dataset, subject, phase, file, index, fault.check, fault.what, kind.remedy)


def merged(problems: list[Problem], files: dict[str, int]) -> list[Problem]:
    """Problems with a data set's habits told once; ``files`` counts each data set's files."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for one in problems:
        groups.setdefault((one.dataset, one.check), []).append(one)
    told: list[Problem] = []
    for (dataset, check), group in groups.items():
        where = {one.file for one in group}
        if KINDS[check].habit and len(where) >= max(FEWEST, HABIT * files[dataset]):
            what = f"in {len(where)} of {files[dataset]} files; in the first, {group[0].what}"
            told.append(problem(Fault(check, what), dataset, file=group[0].file))
        else:
            told += group
    return told


def ordered(problems: list[Problem]) -> list[Problem]:
    """The gravest first, then by place."""
    return sorted(problems, key=lambda one: (SEVERITIES.index(one.severity), *astuple(one)[1:]))


def as_csv(problems: list[Problem]) -> str:
    """The table; no cell of it is a formula to a spreadsheet."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows([harmless(cell) for cell in astuple(one)] for one in problems)
    return stream.getvalue()


def harmless(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would run."""
    return f"'{cell}" if is_formula(cell) else cell


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute the cell: =, @, a tab or a return comes first, or + or - and no number."""
    if cell.startswith(("=", "@", "\t", "\r")):
        return True
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return cell.startswith(("+", "-")) and len(cell) > 1
    return False
