"""From plain data to the page: tables as text, pictures as data addresses, the templates."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from cmrbridge.errors import InputError

Table = dict[str, Any]

WIDEST = 1600  # pixels: twice what the page shows, so that a sharp screen or a printer loses nothing
LOSSLESS = 250_000  # bytes up to which a picture keeps every pixel
QUALITY = 82


def render(template: str, context: Mapping[str, Any]) -> str:
    """The page of a template of this package; what the context lacks is an error."""
    environment = Environment(
        loader=PackageLoader("cmrbridge.paper", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(number=number, percent=percent)
    return environment.get_template(template).render(context)


def table(frame: pd.DataFrame) -> Table:
    """As the templates take it: head, rows of text."""
    return {
        "head": list(frame.columns),
        "rows": frame.astype(object).where(frame.notna(), "–").astype(str).values.tolist(),
    }


def shared_apart(frame: pd.DataFrame) -> tuple[str, Table]:
    """(what all rows have in common, as text; the table without those columns)."""
    same = [name for name in frame if len(frame) > 1 and frame[name].nunique() == 1]
    told = ", ".join(f"{name}: {frame[name].iloc[0]}" for name in same)
    return told, table(frame.drop(columns=same))


def number(value: float | None, digits: int = 2) -> str:
    """A measured figure as text; too few subjects leave some unknown."""
    return "unknown" if value is None else f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """A share as text."""
    return "unknown" if share is None else f"{100 * share:.3g} %"


def embedded(path: Path) -> dict[str, Any]:
    """A picture for the page: "data" (its address), "width" and "height" in pixels.

    WebP, at most `WIDEST` pixels wide: every pixel kept where that takes no more than `LOSSLESS` bytes, as drawings
    do; else at `QUALITY`, as galleries of images need.
    """
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except OSError as error:
        raise InputError(f"{path}: the figure cannot be read ({error}); draw it again") from error
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS)
    content = _webp(picture, lossless=True, quality=70)
    if len(content) > LOSSLESS:
        content = _webp(picture, lossless=False, quality=QUALITY)
    data = "data:image/webp;base64," + base64.b64encode(content).decode()
    return {"data": data, "width": picture.width, "height": picture.height}


def _webp(picture: Image.Image, *, lossless: bool, quality: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "WEBP", lossless=lossless, quality=quality, method=4)
    return stream.getvalue()
