"""The one look of every figure: a palette that the colour-blind can read, fixed per arm; files with equal bytes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

matplotlib.use("Agg")

# Okabe & Ito 2008; grey and black for the two ends of the gap
ARM_COLOURS = {
    "real": "#999999",
    "mild": "#56B4E9",
    "classic": "#0072B2",
    "synthetic": "#E69F00",
    "dann": "#009E73",
    "oracle": "#222222",
}
# and Tol's muted ones, the palest last: past a dozen no set is safe for every eye, so figures list arms in one order
OTHER_COLOURS = (
    *("#D55E00", "#CC79A7", "#661100", "#88CCEE", "#AA4499", "#332288", "#44AA99"),
    *("#117733", "#999933", "#882255", "#CC6677", "#DDCC77", "#F0E442"),
)
METRIC_NAMES = {
    "dice": "Dice",
    "hd95": "HD95 (mm)",
    "hd": "HD (mm)",
    "assd": "ASSD (mm)",
    "surface_dice": "Surface Dice (2 mm)",
    "volume_ml": "Volume (mL)",
    "volume_error_ml": "Volume error (mL)",
    "edv_ml": "EDV (mL)",
    "edv_error_ml": "EDV error (mL)",
    "esv_ml": "ESV (mL)",
    "esv_error_ml": "ESV error (mL)",
    "sv_ml": "SV (mL)",
    "sv_error_ml": "SV error (mL)",
    "ef_percent": "EF (%)",
    "ef_error_points": "EF error (points)",
    "mass_g": "LV mass (g)",
    "mass_error_g": "LV mass error (g)",
}
DECIMALS = {"dice": 3, "hd95": 2, "hd": 2, "assd": 2, "surface_dice": 3}
PNG_DPI = 200
COLUMN_MM, PAGE_MM = 85, 180  # the widths that journals print: a single and a double column
SMALL = 6.5  # points: the smallest type but one on any figure at its printed width; none is below 6
INK = "#222222"


def in_order(arms: Iterable[str]) -> list[str]:
    """Arms as tables and figures list them: the plain one first, the ceiling last, unknown ones before it by name."""
    known = list(ARM_COLOURS)
    return sorted(set(arms), key=lambda arm: (known.index(arm) if arm in known else len(known) - 1.5, arm))


def arm_colours(arms: Iterable[str]) -> dict[str, str]:
    """Arm → colour; a known arm has the same one in every figure of every study."""
    ordered = in_order(arms)
    others = [arm for arm in ordered if arm not in ARM_COLOURS]
    extra = {arm: OTHER_COLOURS[index % len(OTHER_COLOURS)] for index, arm in enumerate(others)}
    return {arm: ARM_COLOURS.get(arm) or extra[arm] for arm in ordered}


@contextmanager
def look() -> Iterator[None]:
    """The style, for the time of one figure; type sizes are those of the printed page."""
    settings = {
        "font.size": 7,
        "axes.titlesize": 7,
        "axes.labelsize": 7,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
        "figure.titlesize": 7,
        "axes.linewidth": 0.6,
        "grid.linewidth": 0.5,
        "lines.linewidth": 1,
        "xtick.major.pad": 2,
        "ytick.major.pad": 2,
        "legend.frameon": False,
        "pdf.fonttype": 42,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.rc_context(), sns.axes_style("whitegrid", {"grid.color": "#E5E5E5"}):
        matplotlib.rcParams.update(settings)
        yield


def canvas(width_mm: float, height_mm: float) -> Figure:
    """An empty figure that is printed so wide and high; what is drawn on it makes room for its own labels."""
    return plt.figure(figsize=(width_mm / 25.4, height_mm / 25.4), dpi=PNG_DPI, layout="constrained")


def save(figure: Figure, png: Path, pdf: Path) -> None:
    """Both files at the figure's own size, without the date and the program's name, so that equal figures are equal
    bytes."""
    figure.savefig(png, metadata={"Software": None})
    figure.savefig(pdf, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    plt.close(figure)


def save_notice(text: str, png: Path, pdf: Path) -> None:
    """In the place of a figure that the data do not allow: the reason."""
    with look():
        figure = canvas(COLUMN_MM, 15)
        figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True)
        save(figure, png, pdf)


def number(value: float, metric: str) -> str:
    """A metric's value with the decimals it deserves; an en dash where there is none."""
    return "–" if value != value else f"{value:.{DECIMALS.get(metric, 1)}f}"


def p_value(p: float) -> str:
    """Three decimals, or "< 0.001"; an en dash where there is none."""
    if p != p:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
