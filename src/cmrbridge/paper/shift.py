"""How large the shift is, as a figure and a table: what fresh readers told, and which class they took for which."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from cmrbridge.errors import InputError
from cmrbridge.evaluation.statistics import welch
from cmrbridge.paper.style import PAGE_MM, SMALL, canvas, look, save

READ = ["task", "source", "architecture", "arm", "look", "shown"]  # what was read, by whomever
COLOURS = {"probe": "#0072B2", "domain": "#D55E00", "pathology": "#009E73"}  # Okabe & Ito 2008
PER_ROW = 4
Floats = NDArray[np.float64]


def read_tables(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables of `shift.tables`, one below the other; only an empty cell is missing, whatever an arm is called, and a
    domain may be called 3, after its field strength."""
    try:
        texts = dict.fromkeys([*READ, "reader", "truth", "answer"], str)
        frames = [pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=texts) for path in paths]
        frame = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
        return frame.assign(**{name: frame[name].fillna("") for name in (*READ, "reader")})
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{', '.join(map(str, paths))}: no tables of shift ({error}); delete them and run again"
        ) from error


def strongest(scores: pd.DataFrame) -> pd.DataFrame:
    """Of what several readers read, the rows of the one that was right most often (mean over seeds): what it told is
    there to be told, and what a weaker one missed proves nothing."""
    means = scores.groupby([*READ, "reader"], as_index=False, sort=False).accuracy.mean()
    best = means.loc[means.groupby(READ, sort=False).accuracy.idxmax(), [*READ, "reader"]]
    return best.merge(scores, on=[*READ, "reader"], how="left")


def shift_table(paths: Sequence[Path]) -> pd.DataFrame:
    """Rounded for reading: a row per reader and seed."""
    frame = read_tables(paths)
    interval = [f"{low:.2f} to {high:.2f}" for low, high in zip(frame.accuracy_low, frame.accuracy_high)]
    return pd.DataFrame(
        {
            "What": frame.task,
            "Of": [_name(row) for row in frame.itertuples()],
            "Seed": frame.seed.map("{:.0f}".format).replace("nan", ""),
            "Reader": frame.reader,
            "Accuracy [95 % CI]": frame.accuracy.map("{:.2f}".format) + " [" + pd.Series(interval, dtype=str) + "]",
            "Chance": frame.chance.map("{:.2f}".format),
            "Proxy A-distance": frame.distance.map("{:.2f}".format),
            "Subjects": frame.subjects,
        }
    )


def hidden(paths: Sequence[Path], baseline: str) -> list[str]:
    """What each arm's features tell the strongest fresh reader less than the baseline's do: a sentence an arm,
    architecture and set of features, with Welch's interval over training runs. Empty without the baseline's probes."""
    frame = read_tables(paths)
    told = strongest(frame[frame.task == "probe"]) if (frame.task == "probe").any() else frame.iloc[:0]
    sentences = []
    for (source, architecture, shown), rows in told.groupby(["source", "architecture", "shown"], sort=False):
        whose = f"{architecture}, trained on {source}" if told.source.nunique() > 1 else architecture
        runs = {str(arm): own.accuracy.to_numpy() for arm, own in rows.groupby("arm", sort=False)}
        if (usual := runs.pop(baseline, None)) is None:
            continue
        sentences += [_hides(f"{shown} features ({whose})", arm, own, baseline, usual) for arm, own in runs.items()]
    return sentences


def _hides(what: str, arm: str, told: Floats, baseline: str, usual: Floats) -> str:
    test = welch(told, usual)
    interval = ""
    if not np.isnan(test.df):
        interval = f" (95 % interval {test.ci_low:+.2f} to {test.ci_high:+.2f} over training runs, uncorrected)"
    return (
        f"Of {what} a fresh reader told the domain of {told.mean():.2f} with {arm} and of {usual.mean():.2f} with "
        f"{baseline}: {told.mean() - usual.mean():+.2f}{interval}, {len(told)} and {len(usual)} runs on the same "
        "subjects; others may differ more."
    )


def _name(row: pd.Series) -> str:
    return ", ".join(part for part in (row.source, row.architecture, row.arm, row.look, row.shown) if part)


def draw_shift(*, scores: Sequence[Path], confusion: Sequence[Path], png: Path, pdf: Path) -> None:
    """Above: accuracy of the strongest reader of each look, arm and set of features, one dot per seed, beside chance.
    Below: its confusion matrices, mean over seeds; the features are those of all maps together."""
    told = strongest(read_tables(scores))
    confused = read_tables(confusion).merge(told[[*READ, "reader"]].drop_duplicates(), on=[*READ, "reader"])
    confused = confused[confused.shown != "bottleneck"]
    matrices = list(confused.groupby(READ, sort=False))
    rows = -(-len(matrices) // PER_ROW)
    lines = told[READ].drop_duplicates()
    with look():
        heights = [14 + 5 * len(lines), max(1, 48 * rows)]
        figure = canvas(PAGE_MM, sum(heights))
        (above,), (below,) = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
        _accuracies(above.subplots(), told, lines)
        grid = below.subplots(max(1, rows), PER_ROW, squeeze=False)
        for axes in grid.flat[len(matrices) :]:
            axes.set_axis_off()
        for axes, (_, matrix) in zip(grid.flat, matrices):
            _matrix(axes, matrix)
        save(figure, png, pdf)


def _accuracies(axes: Axes, told: pd.DataFrame, lines: pd.DataFrame) -> None:
    for place, line in enumerate(lines.itertuples(index=False)):
        own = told[(told[READ] == list(line)).all(axis=1)]
        axes.plot([own.chance.iloc[0]] * 2, [place - 0.4, place + 0.4], "k--", linewidth=1)
        for offset, row in enumerate(own.itertuples()):
            height = place + 0.15 * (offset - (len(own) - 1) / 2)
            axes.plot([row.accuracy_low, row.accuracy_high], [height, height], color=COLOURS[row.task], linewidth=1)
            axes.plot(row.accuracy, height, "o", color=COLOURS[row.task], markersize=3.2)
    counts = told.groupby(READ, sort=False).subjects.max()
    names = [f"{line.task}: {_name(line)} (n = {counts[tuple(line[1:])]})" for line in lines.itertuples()]
    axes.set(yticks=range(len(lines)), yticklabels=names, xlim=(0, 1.02), xlabel="accuracy, held out by subject")
    axes.invert_yaxis()


def _matrix(axes: Axes, matrix: pd.DataFrame) -> None:
    first = matrix.iloc[0]
    order = list(dict.fromkeys(matrix.truth))
    shares = matrix.pivot_table(index="truth", columns="answer", values="share", sort=False).loc[order, order]
    axes.imshow(shares.to_numpy(), vmin=0, vmax=1, cmap="Blues")
    for row, line in enumerate(shares.to_numpy()):
        for column, share in enumerate(line):
            ink = "white" if share > 0.6 else "black"
            axes.text(column, row, f"{share:.2f}".lstrip("0"), ha="center", va="center", fontsize=6, color=ink)
    axes.grid(visible=False)
    of = first.source if first.task == "pathology" else first.arm or first["look"]
    axes.set_title(f"{first.task}: {of}\n{first.reader}", fontsize=SMALL)
    axes.set_xticks(range(len(order)), order, rotation=45, ha="right", fontsize=6)
    axes.set_yticks(range(len(order)), order, fontsize=6)
