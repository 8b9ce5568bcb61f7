"""The domains of a study side by side: how they were scanned, what they look like, whose hearts they are."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError
from cmrbridge.evaluation.atlas import GREYS
from cmrbridge.paper.style import OTHER_COLOURS, PAGE_MM, canvas, look, save

SHOWN = 8  # subjects of a domain in the montage
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222", "#999999")
MARKERS = "osD^vP*X"
ACQUISITION = {
    "spacing_mm": "in-plane spacing (mm)",
    "spacing_z_mm": "slice spacing (mm)",
    "slices": "slices",
    "field_strength_t": "field strength (T)",
}
HEARTS = {
    "lv_edv_ml": "LV EDV (mL)",
    "lv_esv_ml": "LV ESV (mL)",
    "lv_ef_percent": "LV EF (%)",
    "lv_mass_g": "LV mass (g)",
    "rv_edv_ml": "RV EDV (mL)",
    "rv_ef_percent": "RV EF (%)",
}
TEXT = ("domain", "dataset", "subject", "split", "vendor", "centre", "scanner", "pathology")

Style = dict[str, tuple[str, str]]  # domain → colour, marker
Bytes = NDArray[np.uint8]
Pages = tuple[Path, Path]  # png, pdf


def read_people(path: Path) -> pd.DataFrame:
    """The table of `evaluation.atlas`: names are text ("007" stays so), all else numbers."""
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(TEXT, str))
        return frame.fillna(dict.fromkeys(TEXT, ""))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a table of the atlas ({error}); delete it and run again") from error


def read_distances(path: Path) -> pd.DataFrame:
    """The table of `evaluation.separation`; a domain may be called 3, after its field strength."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"first": str, "second": str})


def styles(domains: Sequence[str]) -> Style:
    """A colour and a marker per domain, in the order of the study."""
    colours = (*OKABE_ITO, *OTHER_COLOURS)
    return {name: (colour, marker) for name, colour, marker in zip(domains, cycle(colours), cycle(MARKERS))}


def draw_acquisition(people: pd.DataFrame, pages: Pages) -> None:
    """How each domain was scanned: a dot per subject, the line at the median."""
    _strips(people, ACQUISITION, pages)


def draw_hearts(people: pd.DataFrame, pages: Pages) -> None:
    """Volumes, function and mass by the reference outlines: a dot per subject, the line at the median."""
    _strips(people, HEARTS, pages)


def _strips(people: pd.DataFrame, columns: Mapping[str, str], pages: Pages) -> None:
    style = styles(list(dict.fromkeys(people.domain)))
    count = 3 if len(columns) > 4 else len(columns)
    rows = -(-len(columns) // count)
    with look():
        figure = canvas(PAGE_MM, rows * (14 + 5 * len(style)))
        grid = figure.subplots(rows, count, sharey=True, squeeze=False)
        for axes, (column, label) in zip(grid.flat, columns.items()):
            _strip(axes, people, column, style)
            axes.set_xlabel(label)
        for line in grid:
            line[0].set_yticks(range(len(style)), _counted(people))
            line[0].set_ylim(len(style) - 0.5, -0.5)
        save(figure, *pages)


def _counted(people: pd.DataFrame) -> list[str]:
    return [f"{name} (n = {len(rows)})" for name, rows in people.groupby("domain", sort=False)]


def _strip(axes: Axes, people: pd.DataFrame, column: str, style: Style) -> None:
    """Dots spread evenly over the height of their line, in the order of the table: equal values stay countable."""
    axes.grid(visible=False, axis="y")
    for place, (domain, (colour, _)) in enumerate(style.items()):
        values = people[people.domain == domain][column].dropna().to_numpy(float)
        if not len(values):
            axes.text(
                0.5, place, "not known", transform=axes.get_yaxis_transform(), ha="center", va="center", alpha=0.6
            )
            continue
        heights = place + 0.6 * ((np.arange(len(values)) * 0.618034) % 1 - 0.5)
        axes.plot(values, heights, "o", color=colour, markersize=2, alpha=0.6, markeredgewidth=0)
        axes.plot([np.median(values)] * 2, [place - 0.38, place + 0.38], color=colour, linewidth=1.5)


def draw_greys(people: pd.DataFrame, greys: pd.DataFrame, pages: Pages) -> None:
    """Left: how often each grey level is met; right: the myocardium's grey against the cavity's, a mark per subject."""
    style = styles(list(dict.fromkeys(people.domain)))
    with look():
        figure = canvas(PAGE_MM, 68)
        left, right = figure.subplots(1, 2)
        for domain, (colour, marker) in style.items():
            own = greys[greys.domain == domain]
            left.plot(own.level, 100 * own.share, color=colour, label=domain)
            left.fill_between(own.level, 100 * own.low, 100 * own.high, color=colour, alpha=0.15, linewidth=0)
            rows = people[people.domain == domain]
            right.plot(
                rows[GREYS["LV"]], rows[GREYS["MYO"]], marker, color=colour, markersize=3, alpha=0.7, markeredgewidth=0
            )
        top = 1.3 * 100 * float(greys[greys.level > 0].high.max())
        left.set(
            xlabel="grey level (0 to 255, percentiles 0.5 to 99.5 of a volume)", ylabel="pixels (%)", ylim=(0, top)
        )
        right.set(xlabel="median grey of the LV cavity", ylabel="median grey of the myocardium")
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncol=min(len(style), 8))
        save(figure, *pages)


def draw_map(people: pd.DataFrame, distances: pd.DataFrame, pages: Pages) -> None:
    """Left: subjects by the two main directions of their texture; right, of three domains or more: how far each two lie
    apart."""
    style = styles(list(dict.fromkeys(people.domain)))
    with look():
        figure = canvas(PAGE_MM, 78)
        several = len(style) > 2
        left, *right = figure.subplots(1, 1 + several, squeeze=False, width_ratios=[1.15, 1][: 1 + several])[0]
        for domain, (colour, marker) in style.items():
            rows = people[people.domain == domain]
            left.plot(
                rows.map_x, rows.map_y, marker, color=colour, markersize=3, alpha=0.7, markeredgewidth=0, label=domain
            )
        shares = people.iloc[0]
        left.set_xlabel(f"component 1 ({shares.map_x_share:.0%} of variance)")
        left.set_ylabel(f"component 2 ({shares.map_y_share:.0%})")
        for axes in right:
            _matrix(axes, distances, list(style))
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncol=min(len(style), 8))
        save(figure, *pages)


def _matrix(axes: Axes, distances: pd.DataFrame, domains: list[str]) -> None:
    shares = np.full((len(domains), len(domains)), np.nan)
    for row in distances.itertuples():
        one, other = domains.index(row.first), domains.index(row.second)
        shares[one, other] = shares[other, one] = row.apart
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    for (line, column), share in np.ndenumerate(shares):
        if share == share:
            ink = "white" if share > 0.6 else "black"
            axes.text(column, line, f"{share:.2f}".lstrip("0"), ha="center", va="center", fontsize=6.5, color=ink)
    axes.grid(visible=False)
    axes.set_xticks(range(len(domains)), domains, rotation=45, ha="right")
    axes.set_yticks(range(len(domains)), domains)
    axes.set_title("how far apart (0 alike, 1 nothing in common)")


def draw_montage(people: pd.DataFrame, prepared: Sequence[Path], pages: Pages) -> None:
    """A row per domain: the middle slice at the first phase of `SHOWN` subjects, spread evenly over its table."""
    packs = {pack.cases[0].dataset: pack for pack in map(read_pack, prepared) if pack.cases}
    domains = list(dict.fromkeys(people.domain))
    with look():
        figure = canvas(PAGE_MM, 3 + 22.5 * len(domains))
        grid = figure.subplots(len(domains), SHOWN, squeeze=False)
        for line, domain in zip(grid, domains):
            rows = people[people.domain == domain]
            chosen = np.unique(np.linspace(0, len(rows) - 1, SHOWN).round().astype(int))
            for axes in line:
                axes.set(xticks=[], yticks=[])
                axes.set_frame_on(False)
            for axes, row in zip(line, rows.iloc[chosen].itertuples()):
                axes.imshow(_slice(packs[row.dataset], row.subject), cmap="gray", vmin=0, vmax=255)
            line[0].set_ylabel(domain, labelpad=2)
        figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
        save(figure, *pages)


def _slice(pack: Pack, subject: str) -> Bytes:
    """The slice of the largest outline at the subject's first phase, or the middle one where nobody drew any."""
    index = next(i for i, case in enumerate(pack.cases) if case.subject == subject)
    rows = np.flatnonzero(pack.case == index)
    rows = rows[np.argsort(pack.position[rows], kind="stable")]
    areas = (pack.labels[rows] > 0).sum(axis=(1, 2)) if pack.labels is not None else np.zeros(len(rows))
    return pack.images[rows[int(areas.argmax()) if areas.any() else len(rows) // 2]]


def domain_table(people: pd.DataFrame) -> pd.DataFrame:
    """A column per domain, rounded for reading: counts, words of the scan, medians with their range."""
    told = {str(name): _described(rows) for name, rows in people.groupby("domain", sort=False)}
    return pd.DataFrame(told).rename_axis("Domain").reset_index()


def _described(rows: pd.DataFrame) -> dict[str, object]:
    outlined = rows[list(GREYS.values())].notna()
    drawn = " ".join(structure for structure in STRUCTURES if outlined[GREYS[structure]].any())
    return {
        "Subjects": len(rows),
        "Outlined": f"{int(outlined.any(axis=1).sum())} ({drawn})" if drawn else "0",
        "Vendor": _words(rows.vendor),
        "Scanner": _words(rows.scanner),
        "Centre": _words(rows.centre),
        "Field (T)": _words(rows.field_strength_t.map(lambda value: f"{value:g}" if value == value else "")),
        "In-plane (mm)": _range(rows.spacing_mm, 2),
        "Slices (mm)": _range(rows.spacing_z_mm, 1),
        "Slices": _range(rows.slices, 0),
        "LV EDV (mL)": _range(rows.lv_edv_ml, 0),
        "LV EF (%)": _range(rows.lv_ef_percent, 0),
        "Pathologies": _words(rows.pathology),
    }


def _words(values: pd.Series) -> str:
    """Every value with its count, the commonest first; "not known" where the files do not say."""
    counts = values[values != ""].value_counts()
    if counts.empty:
        return "not known"
    every = [f"{value} {count}" if len(counts) > 1 else str(value) for value, count in counts.items()]
    return ", ".join(every[:6]) + (f", {len(every) - 6} others" if len(every) > 6 else "")


def _range(values: pd.Series, digits: int) -> str:
    known = values.dropna()
    if known.empty:
        return "not known"
    low, middle, high = (f"{value:.{digits}f}" for value in (known.min(), known.median(), known.max()))
    return middle if low == high else f"{middle} ({low}–{high})"
