"""Entry point: the atlas of a study's domains as one page, to be read before anything is trained."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from cmrbridge.evaluation.separation import SHUFFLES
from cmrbridge.paper.atlas import (
    Pages,
    domain_table,
    draw_acquisition,
    draw_greys,
    draw_hearts,
    draw_map,
    draw_montage,
    read_distances,
    read_people,
)
from cmrbridge.paper.render import embedded, render, table
from cmrbridge.paper.style import p_value

FIGURES: dict[str, tuple[str, str]] = {
    "montage": (
        "What networks see",
        "The slice of the largest outline at end-diastole (the middle slice where nobody drew any) of subjects spread"
        " evenly over each domain, cropped and resampled as for training.",
    ),
    "map": (
        "How far apart the images lie",
        "A mark per subject, by the two main directions of wavelet scattering features (texture and contrast more than"
        " anatomy; mean over the middle half of its slices, each standardised as networks do). Beside it, of three"
        " domains or more: the coefficient of inhomogeneity of each two in all features.",
    ),
    "greys": (
        "Grey values",
        "Left: median over subjects, bands are quartiles. Right: contrast of blood and muscle, a mark per subject.",
    ),
    "acquisition": ("Acquisition", "A dot per subject, the line is the median."),
    "hearts": (
        "Hearts",
        "By the reference outlines: a dot per subject, the line is the median. Domains of different patients differ"
        " here whatever the scanner does.",
    ),
}


def draw_atlas(
    *,
    study: str,
    sources: Sequence[str],
    targets: Sequence[str],
    nominal: Sequence[str],
    people: Path,
    greys: Path,
    distances: Path,
    prepared: Sequence[Path],
    figures: Mapping[str, Pages],
    page: Path,
) -> None:
    """Write every figure of ``figures`` (its keys are those of `FIGURES`) and the page that embeds them.

    nominal: domains whose millimetres are no measurement; people, greys, distances: of
    `evaluation.atlas.describe_domains`; prepared: the packs of the data sets.
    """
    frame, told = read_people(people), read_distances(distances)
    draw: dict[str, Callable[[Pages], None]] = {
        "montage": partial(draw_montage, frame, prepared),
        "map": partial(draw_map, frame, told),
        "greys": partial(draw_greys, frame, pd.read_csv(greys, dtype={"domain": str})),
        "acquisition": partial(draw_acquisition, frame),
        "hearts": partial(draw_hearts, frame),
    }
    for name, pages in figures.items():
        draw[name](pages)
    shown = [
        {"title": title, "caption": caption, **embedded(figures[name][0])} for name, (title, caption) in FIGURES.items()
    ]
    context = {
        "study": study,
        "answers": [_answer(told, source, target) for source in sources for target in targets if source != target],
        "nominal": [name for name in dict.fromkeys(frame.domain) if name in nominal],
        "domains": table(domain_table(frame)),
        "distances": table(_distance_table(told)),
        "figures": shown,
        "shuffles": SHUFFLES,
    }
    page.write_text(render("atlas.html.j2", context), encoding="utf-8")


def _answer(told: pd.DataFrame, source: str, target: str) -> str:
    """What the eye should look for: how far a target lies from its source, and how sure that is."""
    row = told[told["first"].isin([source, target]) & told["second"].isin([source, target])].iloc[0]
    far = f"{row.apart:.2f} apart, {row.by_chance:.2f} by chance, p {p_value(row.p)}"
    if row.p > 0.05:
        return f"{target} and {source}: {far}. Their images cannot be told from one sample's: expect little to bridge."
    return f"{target} and {source}: {far}. The images differ."


def _distance_table(told: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Domains": told["first"] + ", " + told["second"],
            "Apart": told.apart.map("{:.2f}".format),
            "By chance": told.by_chance.map("{:.2f}".format),
            "p": told.p.map(p_value),
        }
    )
