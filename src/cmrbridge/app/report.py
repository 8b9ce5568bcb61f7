"""The report: one page that stands by itself and prints on one sheet; nothing in it runs or loads."""

import base64
import io
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from cmrbridge import __version__
from cmrbridge.app.case import frame, load
from cmrbridge.app.measures import CHAMBERS, summary
from cmrbridge.app.package import Package
from cmrbridge.app.shelf import Open
from cmrbridge.core.anatomy import STRUCTURES, grow
from cmrbridge.core.geometry import upright
from cmrbridge.data.place import middle_grid

Labels = NDArray[np.uint8]
COLOURS = {"LV": (230, 159, 0), "MYO": (0, 158, 115), "RV": (86, 180, 233)}  # told apart by the colour-blind
SOURCE = {"vendor": "Vendor", "scanner": "Scanner", "field_strength_t": "Field strength (T)"}
SIDE = 320  # pixels of a picture
WIDTH, HEIGHT, EDGE = 640, 200, 36  # of the curve
ROWS = {"edv_ml": "EDV (mL)", "esv_ml": "ESV (mL)", "sv_ml": "SV (mL)", "ef_percent": "EF (%)"}


def report_page(case: Open, package: Package, masks: dict[str, Labels], ed: int, es: int) -> str:
    """The report as HTML. masks: "ED" and "ES" → labels (x, y, slice)."""
    environment = Environment(loader=PackageLoader("cmrbridge.app", "."), autoescape=True, undefined=StrictUndefined)
    results = case.results[package.name]
    ml = {number: result.ml for number, result in sorted(results.items())}
    found = summary(ml, ed, es)
    frames = {"ED": ed, "ES": es}
    return environment.get_template("report.html.j2").render(
        model=package.about,
        card=package.digest,
        rows=[
            (words, *(found[chamber][name] for chamber in CHAMBERS))
            for name, words in ROWS.items()
            if found["LV"][name] is not None
        ],
        mass=found["lv_mass_g"],
        source={SOURCE[name]: value for name, value in case.about["source"].items()},
        frames=frames,
        count=case.about["frames"],
        warnings=_warnings(case, package, frames),
        curve=_curve(ml),
        box=(WIDTH, HEIGHT, EDGE),
        pictures=_pictures(case, masks, frames),
        version=__version__,
        colours={name: f"rgb{colour}" for name, colour in COLOURS.items()},
    )


def _warnings(case: Open, package: Package, frames: dict[str, int]) -> list[str]:
    unlike = case.unlike.get(package.name, {})
    found = [unlike["words"]] if unlike.get("warn") else []
    for phase, number in frames.items():
        found += [f"{phase}, {words}" for words in case.results[package.name][number].odd]
    return found


def _curve(ml: dict[int, dict[str, float]]) -> dict[str, Any]:
    """Points of the LV's and the RV's volume over the frames, in the units of an SVG, and the axis' end."""
    top = max(max(values[name] for values in ml.values()) for name in CHAMBERS) or 1.0
    step = (WIDTH - 2 * EDGE) / max(len(ml) - 1, 1)
    lines = {
        name: " ".join(
            f"{EDGE + at * step:.1f},{HEIGHT - EDGE - values[name] / top * (HEIGHT - 2 * EDGE):.1f}"
            for at, values in enumerate(ml.values())
        )
        for name in CHAMBERS
    }
    return {"lines": lines, "top": top, "last": len(ml) - 1}


def _pictures(case: Open, masks: dict[str, Labels], frames: dict[str, int]) -> dict[str, str]:
    """Phase → the slice with most myocardium in both, upright, around the heart: a data: address of a PNG."""
    known = load(case.folder)
    volumes = {phase: frame(case.folder, known, number) for phase, number in frames.items()}
    grid = middle_grid(volumes["ED"], 1, 1.0)
    codes = {phase: upright(labels, grid) for phase, labels in masks.items()}
    muscle = [(one == STRUCTURES["MYO"]).sum(axis=(1, 2)) for one in codes.values()]
    at = int(np.minimum(*muscle).argmax())  # at ES the valve has left the basal slices
    window = _around(np.maximum(codes["ED"][at], codes["ES"][at]))
    found = {}
    for phase, volume in volumes.items():
        low, high = np.percentile(volume.voxels, (1, 99))
        grey = np.clip((upright(volume.voxels, grid)[at] - low) / max(high - low, 1e-6), 0, 1) * 255
        found[phase] = _png(grey[window].astype(np.uint8), codes[phase][at][window], grid.plane_spacing)
    return found


def _png(grey: Labels, labels: Labels, spacing: tuple[float, float]) -> str:
    """``SIDE`` pixels a side at most, in true proportions; spacing: mm per (row, column)."""
    height, width = (count * mm for count, mm in zip(grey.shape, spacing))
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))
    large = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    stream = io.BytesIO()
    Image.fromarray(_outlined(picture, large)).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _around(labels: Labels) -> tuple[slice, slice]:
    """Rows and columns of what is labelled and half as much beside it; all where nothing is."""
    if not labels.any():
        return slice(0, labels.shape[0]), slice(0, labels.shape[1])
    found = []
    for axis in (1, 0):
        there = np.flatnonzero(labels.any(axis=axis))
        beside = (int(there[-1]) - int(there[0])) // 2 + 4
        found.append(slice(max(int(there[0]) - beside, 0), min(int(there[-1]) + beside + 1, labels.shape[1 - axis])))
    return found[0], found[1]


def _outlined(grey: Labels, labels: Labels) -> Labels:
    """(row, column, 3): the image with a line of two pixels along the inside of each structure's border."""
    coloured = np.repeat(grey[:, :, None], 3, axis=2)
    for name, code in STRUCTURES.items():
        mask = labels == code
        coloured[mask & grow(grow(~mask))] = COLOURS[name]
    return coloured
