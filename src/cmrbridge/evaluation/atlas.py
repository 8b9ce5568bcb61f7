"""What the domains of a study look like before anything is trained: acquisition, grey values, hearts, and a map."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cmrbridge.core.anatomy import PHASES, STRUCTURES
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError
from cmrbridge.evaluation.clinical import DENSITY, chamber_function, volume_ml
from cmrbridge.evaluation.frames import write_frame
from cmrbridge.evaluation.scans import read_scans
from cmrbridge.evaluation.separation import plane, separations
from cmrbridge.evaluation.texture import middle, texture
from cmrbridge.evaluation.volumes import read_reference, spacing_of

LEVELS = 32  # bins of the 256 grey levels
CHAMBERS = ("LV", "RV")
GREYS = {name: f"grey_{name.lower()}" for name in STRUCTURES}
DIGITS = 6

Floats = NDArray[np.float64]
Key = tuple[str, str]  # data set, subject


def describe_domains(
    *,
    subjects: Sequence[Path],
    prepared: Sequence[Path],
    splits: Mapping[str, Path],
    seed: int,
    people: Path,
    greys: Path,
    distances: Path,
    report: Callable[..., None],
) -> None:
    """Write three tables of the domains of ``splits`` (domain → split.csv), each of all its subjects.

    subjects, prepared: subjects.csv and prepared.npz of each data set, in one order.
    people: a row per domain and subject: who and how it was scanned; median grey of each structure (0…255, as networks
    see it, empty where not annotated); EDV, ESV, EF, LV mass; its place on the map, map_x and map_y.
    greys: domain, level (lower edge), share and its quartiles over subjects. distances: `separation.separations`.
    """
    scans = read_scans(subjects, splits)
    looks: dict[Key, dict[str, Any]] = {}
    for table, pack in zip(subjects, prepared, strict=True):
        looks |= _looks(pack, table, set(zip(scans.dataset, scans.subject)), report)
    rows = [_person(group, looks) for _, group in scans.groupby(["domain", "dataset", "subject"], sort=False)]
    frame = pd.DataFrame(rows)
    features = np.array([looks[row.dataset, row.subject]["features"] for row in frame.itertuples()])
    places, shares = plane(features)
    frame = frame.assign(map_x=places[:, 0], map_y=places[:, 1], map_x_share=shares[0], map_y_share=shares[1])
    write_frame(people, frame.round(DIGITS))
    write_frame(greys, _greys(frame, looks).round(DIGITS))
    by_domain = {str(name): features[rows.index.to_numpy()] for name, rows in frame.groupby("domain", sort=False)}
    write_frame(distances, separations(by_domain, seed).round(DIGITS))


def _looks(path: Path, table: Path, wanted: set[Key], report: Callable[..., None]) -> dict[Key, dict[str, Any]]:
    """Of each wanted subject in a pack: "features" (mean over its slices), "histogram", median grey by structure."""
    pack = read_pack(path)
    found: dict[Key, dict[str, Any]] = {}
    people = sorted({(case.dataset, case.subject) for case in pack.cases} & wanted)
    for done, key in enumerate(people, 1):
        own = pack.select([i for i, case in enumerate(pack.cases) if (case.dataset, case.subject) == key])
        counts = np.bincount(own.images.ravel() // (256 // LEVELS), minlength=LEVELS)
        shown = own.images[_middle(own)]
        found[key] = {
            "features": texture(shown),
            "histogram": counts / counts.sum(),
            **{GREYS[name]: _median(own, code) for name, code in STRUCTURES.items()},
        }
        report(done, len(people))
    if missing := sorted({key for key in wanted if key[0] in {one.dataset for one in pack.cases}} - set(found)):
        raise InputError(f"{path}: has no images of {missing[0][1]!r}, which {table} names; ingest the data set again")
    return found


def _middle(pack: Pack) -> NDArray[np.intp]:
    """Rows of each case's middle slices: half of its stack, where the heart is whatever the label says."""
    chosen = []
    for index in range(len(pack.cases)):
        rows = np.flatnonzero(pack.case == index)
        rows = rows[np.argsort(pack.position[rows], kind="stable")]
        chosen.append(rows[middle(len(rows))])
    return np.concatenate(chosen)


def _median(pack: Pack, code: int) -> float:
    inside = pack.images[pack.labels == code] if pack.labels is not None else np.array([])
    return float(np.median(inside)) if len(inside) else float("nan")


def _person(rows: pd.DataFrame, looks: Mapping[Key, Mapping[str, Any]]) -> dict[str, Any]:
    """One subject of a domain, from the rows of its frames."""
    first = rows.iloc[0]
    kept = ("domain", "dataset", "subject", "split", "vendor", "centre", "scanner", "field_strength_t", "pathology")
    spacing = spacing_of(first.to_dict())
    look = looks[first.dataset, first.subject]
    return {
        **{name: first[name] for name in kept},
        "frames": len(rows),
        "slices": int(first.slices),
        "spacing_mm": (spacing[0] * spacing[1]) ** 0.5,
        "spacing_z_mm": spacing[2],
        **{name: look[name] for name in GREYS.values()},
        **dict(_heart(rows)),
    }


def _heart(rows: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Volumes and function of each chamber annotated at both phases, and the LV's mass at ED; NaN where unknown."""
    volumes = {}
    for row in rows[rows.annotated != ""].to_dict("records"):
        volumes[row["phase"]] = {name: volume_ml(mask, spacing_of(row)) for name, mask in read_reference(row).items()}
    ed, es = (volumes.get(phase, {}) for phase in PHASES)
    for chamber in CHAMBERS:
        names = chamber_function(1.0, 1.0)
        known = ed.get(chamber, 0) > 0 and chamber in es
        values = chamber_function(ed[chamber], es[chamber]) if known else dict.fromkeys(names, float("nan"))
        yield from ((f"{chamber.lower()}_{name}", value) for name, value in values.items())
    yield "lv_mass_g", DENSITY * ed["MYO"] if ed.get("MYO") else float("nan")


def _greys(people: pd.DataFrame, looks: Mapping[Key, Mapping[str, Any]]) -> pd.DataFrame:
    """A row per domain and level: median share of pixels over subjects, and its quartiles."""
    parts = []
    for domain, rows in people.groupby("domain", sort=False):
        shares = np.array([looks[row.dataset, row.subject]["histogram"] for row in rows.itertuples()])
        low, middle, high = np.quantile(shares, [0.25, 0.5, 0.75], axis=0)
        levels = np.arange(LEVELS) * (256 // LEVELS)
        parts.append(pd.DataFrame({"domain": domain, "level": levels, "share": middle, "low": low, "high": high}))
    return pd.concat(parts, ignore_index=True)
