"""The report: one page that stands by itself and prints on one sheet; nothing in it runs or loads."""

import base64
import io
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from cmrbridge.app.case import frame, load
from cmrbridge.app.measures import CHAMBERS, summary
from cmrbridge.app.package import Package
from cmrbridge.app.shelf import Open
from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.geometry import upright
from cmrbridge.data.place import middle_grid

COLOURS = {"LV": (230, 159, 0), "MYO": (0, 158, 115), "RV": (86, 180, 233)}  # told apart by the colour-blind
SIDE = 320  # pixels of a picture
WIDTH, HEIGHT, EDGE = 640, 200, 36  # of the curve
ROWS = {"edv_ml": "EDV (mL)", "esv_ml": "ESV (mL)", "sv_ml": "SV (mL)", "ef_percent": "EF (%)"}


def report_page(case: Open, package: Package, masks: dict[str, NDArray[np.uint8]], ed: int, es: int) -> str:
    """The report as HTML. masks: "ED" and "ES" → labels (x, y, slice)."""
    environment = Environment(loader=PackageLoader("cmrbridge.app", "."), autoescape=True, undefined=StrictUndefined)
    results = case.results[package.name]
    found = summary(results[ed].ml, results[es].ml)
    frames = {"ED": ed, "ES": es}
    return environment.get_template("report.html.j2").render(
        model=package.about,
        card=package.digest,
        rows=[(words, *(found[chamber][name] for chamber in CHAMBERS)) for name, words in ROWS.items()],
        mass=found["lv_mass_g"],
        source=case.about["source"],
        frames=frames,
        count=case.about["frames"],
        warnings=_warnings(case, package, frames),
        curve=_curve({number: result.ml for number, result in sorted(results.items())}),
        box=(WIDTH, HEIGHT, EDGE),
        pictures={phase: _picture(case, masks[phase], number) for phase, number in frames.items()},
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


def _picture(case: Open, labels: NDArray[np.uint8], number: int) -> str:
    """The slice with most myocardium, upright, around the heart, with outlines: a data: address of a PNG."""
    known = load(case.folder)
    volume = frame(case.folder, known, number)
    grid = middle_grid(volume, 1, 1.0)
    grey, codes = upright(volume.voxels, grid), upright(labels, grid)
    at = int((codes == STRUCTURES["MYO"]).sum(axis=(1, 2)).argmax())
    low, high = np.percentile(volume.voxels, (1, 99))
    scaled = np.clip((grey[at] - low) / max(high - low, 1e-6), 0, 1) * 255
    rows, columns = _around(codes[at])
    down, across = grid.plane_spacing
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    scale = SIDE / max(shape[0] * down, shape[1] * across)
    size = (max(1, round(shape[1] * across * scale)), max(1, round(shape[0] * down * scale)))
    picture = np.asarray(Image.fromarray(scaled[rows, columns].astype(np.uint8)).resize(size, Image.Resampling.BICUBIC))
    large = np.asarray(Image.fromarray(codes[at][rows, columns]).resize(size, Image.Resampling.NEAREST))
    stream = io.BytesIO()
    Image.fromarray(_outlined(picture, large)).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _around(labels: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Rows and columns of what is labelled and half as much beside it; all where nothing is."""
    if not labels.any():
        return slice(0, labels.shape[0]), slice(0, labels.shape[1])
    found = []
    for axis in (1, 0):
        there = np.flatnonzero(labels.any(axis=axis))
        beside = (int(there[-1]) - int(there[0])) // 2 + 4
        found.append(slice(max(int(there[0]) - beside, 0), min(int(there[-1]) + beside + 1, labels.shape[1 - axis])))
    return found[0], found[1]


def _outlined(grey: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(row, column, 3): the image with a line along the inside of each structure's border."""
    coloured = np.repeat(grey[:, :, None], 3, axis=2)
    for name, code in STRUCTURES.items():
        mask = np.pad(labels == code, 1)
        inner = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
        coloured[mask[1:-1, 1:-1] & ~inner] = COLOURS[name]
    return coloured
