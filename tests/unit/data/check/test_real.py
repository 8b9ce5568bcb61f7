"""The true oddities of ACDC and Sunnybrook, each looked at by eye, and nothing else."""

from collections import Counter
from pathlib import Path

from cmrbridge.data.check.problem import Problem
from cmrbridge.data.check.run import check, datasets_of

READERS = {"acdc": "acdc", "sunnybrook": "manifest"}
THROUGHOUT = {  # told once of a data set
    ("acdc", "spacing_disagrees"): 1,  # every sform has unit spacing, whatever pixdim says
    ("acdc", "units_unknown"): 1,
    ("acdc", "metadata_missing"): 2,  # field strength and scanner
    ("sunnybrook", "phases_slices"): 1,  # slices that were not contoured are left out
}
OF_SUBJECTS = {
    ("acdc", "duplicate_image"): ["patient076", "patient076"],  # of patient074, both phases
    ("acdc", "outlier"): ["patient038", "patient057", "patient057", "patient057", "patient081", "patient096"],
    # a stray pixel of the RV
    ("acdc", "pieces"): [f"patient{n:03d}" for n in (14, 26, 36, 38, 44, 47, 64)],
    ("sunnybrook", "dark_cavity"): ["SC-N-06"],  # the ED contours lie a centimetre beside the heart
    # where the ring is thinner than a pixel, or ends at the aorta
    ("sunnybrook", "pieces"): ["SC-HF-I-09", "SC-HF-NI-03", "SC-HF-NI-12", "SC-HF-NI-13", "SC-HYP-11"],
    ("sunnybrook", "ring_open"): [
        *("SC-HF-I-09", "SC-HF-NI-03", "SC-HF-NI-12", "SC-HF-NI-13", "SC-HF-NI-33", "SC-HYP-11", "SC-N-40"),
    ],
}


def found(folder: Path, out: Path) -> list[Problem]:
    return check(
        datasets=datasets_of(
            [folder / name for name in READERS],
            [{"dataset": name, "reader": reader} for name, reader in READERS.items()],
        ),
        table=out / "problems.csv",
        page_file=out / "check.html",
        summary=out / "summary.txt",
        report=lambda step, total=None, **values: None,
    )


def test_the_true_oddities_and_nothing_false(real_data: Path, tmp_path: Path) -> None:
    rows = found(real_data, tmp_path)
    assert Counter((row.dataset, row.check) for row in rows if not row.subject) == THROUGHOUT
    told = {key: sorted(row.subject for row in rows if (row.dataset, row.check) == key) for key in OF_SUBJECTS}
    assert told == OF_SUBJECTS
    assert len(rows) == sum(THROUGHOUT.values()) + sum(map(len, OF_SUBJECTS.values()))
    assert "error" not in {row.severity for row in rows}
    assert (tmp_path / "check.html").stat().st_size < 500_000
