"""One self-contained page about a study, for a stranger."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import read_cases, summarise
from cmrbridge.paper.findings import dice_by_target, endpoint, gap_sentences, overall, seeds_per_arm, sentence
from cmrbridge.paper.shift import shift_table
from cmrbridge.paper.style import in_order
from cmrbridge.paper.tables import WHY_P_DIFFER, comparisons_table, ordered, read_comparisons, results_table

Table = dict[str, Any]


def write_report(
    *,
    study: str,
    config_text: str,
    reference: str,
    notes: Sequence[str],
    access: Mapping[str, str],
    cases: Path,
    comparisons: Path,
    figures: Sequence[Mapping[str, Any]],
    records: Sequence[Path],
    duplicates: Path,
    validity: Sequence[Path],
    fidelity: Sequence[Path],
    audits: Sequence[Path],
    choices: Sequence[Path],
    shift: Sequence[Path],
    subjects: Sequence[Path],
    splits: Mapping[str, Path],
    report: Path,
) -> None:
    """Write ``report`` (.html): no file or address outside it is needed to read it.

    reference: the plain arm; notes: what else a reader must know of this study; access: arm → what it may see of a
    target; validity, fidelity, audits: of generated masks and pairs; choices: of translation; shift: tables of
    how well classes were told apart; figures: {"path" (png),
    "title", "caption"}; subjects: one table per data set; splits: domain → split.csv.
    """
    frame, compared = read_cases(cases), ordered(read_comparisons(comparisons))
    summary = ordered(summarise(frame))
    seeds = seeds_per_arm(frame)
    context = {
        "study": study,
        "config_text": config_text,
        "notes": list(notes),
        "gap_sentences": gap_sentences(dice_by_target(summary), reference),
        "gap": gap_table(dice_by_target(summary)),
        "primary": [(bool(row.primary), sentence(row, seeds[row.arm])) for row in endpoint(compared).itertuples()],
        "overall": overall(compared),
        "baseline": ", ".join(sorted(set(compared.baseline))),
        "arms": arms_table(access, seeds),
        "datasets": datasets_table(subjects),
        "splits": splits_table(splits),
        "copies": len(pd.read_csv(duplicates)),
        "validity": [(validity_title(path), table(pd.read_csv(path))) for path in validity],
        "fidelity": [(validity_title(path), fidelity_table(path)) for path in fidelity],
        "audits": [(validity_title(path), json.loads(path.read_text(encoding="utf-8"))) for path in audits],
        "choices": [(validity_title(path), json.loads(path.read_text(encoding="utf-8"))) for path in choices],
        "shift": table(shift_table(shift)) if shift else None,
        "results": table(results_table(summary)),
        "comparisons": table(comparisons_table(compared)),
        "why_p_differ": WHY_P_DIFFER,
        "figures": [{**figure, "data": embedded(Path(figure["path"]))} for figure in figures],
        **about_records(records),
    }
    environment = Environment(
        loader=PackageLoader("cmrbridge.paper", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["number"] = number
    report.write_text(environment.get_template("report.html.j2").render(context), encoding="utf-8")


def number(value: float | None, digits: int = 2) -> str:
    """A measured figure as text; too few subjects leave some unknown."""
    return "unknown" if value is None else f"{value:.{digits}f}"


def table(frame: pd.DataFrame) -> Table:
    """As the template takes it: head, rows of text."""
    return {
        "head": list(frame.columns),
        "rows": frame.astype(object).where(frame.notna(), "–").astype(str).values.tolist(),
    }


def gap_table(dice: pd.DataFrame) -> Table:
    """Mean Dice ± SD over subjects: a row per source → target, its own domain first, a column per arm."""
    text = dice["mean"].map("{:.3f}".format) + " ± " + dice.sd.map("{:.3f}".format)
    several = dice.architecture.nunique() > 1
    home = (dice.source == dice.target).map({True: " (its own domain)", False: ""})
    where = dice.source + " → " + dice.target + home + (", " + dice.architecture if several else "")
    wide = dice.assign(text=text, where=where, away=dice.source != dice.target)
    wide = wide.pivot(index=["source", "architecture", "away", "target", "where", "n"], columns="arm", values="text")
    wide = wide[in_order(wide.columns)].reset_index()
    return table(
        wide.drop(columns=["source", "architecture", "away", "target"]).rename(columns={"where": "Trained → tested"})
    )


def arms_table(access: Mapping[str, str], seeds: Mapping[str, int]) -> Table:
    rows = [(arm, access.get(arm, "not declared"), seeds[arm]) for arm in in_order(seeds)]
    return table(pd.DataFrame(rows, columns=["Arm", "Access to the target", "Training runs"]))


def datasets_table(paths: Sequence[Path]) -> Table:
    """Per data set: subjects, cases, scanners' vendors, annotated structures, licence, the crop's largest loss."""
    rows = []
    for path in paths:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        lost = pd.to_numeric(frame.cut_off, errors="coerce").max()
        rows.append(
            {
                "Data set": _listed(frame.dataset),
                "Subjects": frame.subject.nunique(),
                "Cases": len(frame),
                "Vendors": _listed(frame.vendor),
                "Annotated": _listed(frame.annotated.str.split().explode().fillna("")),
                "Licence": _listed(frame.licence),
                "Largest share of a label that the crop loses": "–" if pd.isna(lost) else f"{100 * lost:.1f} %",
            }
        )
    return table(pd.DataFrame(rows))


def splits_table(splits: Mapping[str, Path]) -> Table:
    """Subjects per domain and split."""
    rows = []
    for domain, path in splits.items():
        counts = pd.read_csv(path, dtype=str).drop_duplicates("subject").split.value_counts()
        rows.append((domain, *(int(counts.get(name, 0)) for name in ("train", "val", "test"))))
    return table(pd.DataFrame(rows, columns=["Domain", "Training", "Validation", "Test"]))


def validity_title(path: Path) -> str:
    """The folders that tell one table of generated masks from another."""
    return " / ".join(path.parts[-4:-1])


def fidelity_table(path: Path) -> Table:
    """Each measure of generated pairs with its range, beside the same measure between real subjects."""
    frame = pd.read_csv(path)
    shown = {"What": frame["what"], "Measure": frame.measure}
    for title in ("generated", "reference"):
        ends = [frame[f"{title}_{end}"].map("{:.3g}".format) for end in ("low", "high")]
        shown[title.capitalize()] = frame[title].map("{:.3g}".format) + " (" + ends[0] + " to " + ends[1] + ")"
    shown |= {"Ratio": frame.ratio.map("{:.2f}".format).replace("nan", ""), "n": frame.n}
    return table(pd.DataFrame(shown))


def about_records(paths: Sequence[Path]) -> dict[str, Any]:
    """The jobs per rule, the versions they ran with, and the commits of the code."""
    records = [_record(path) for path in paths]
    versions: dict[str, set[str]] = {}
    for record in records:
        for name, version in (record.get("versions") or {}).items():
            versions.setdefault(name, set()).add(str(version))
    columns = ("rule", "device", "precision", "wall_seconds", "peak_memory_mb")
    frame = pd.DataFrame([{name: record.get(name) for name in columns} for record in records], columns=list(columns))
    jobs = [
        {
            "Step": rule,
            "Jobs": len(group),
            "Device": _listed(group.device),
            "Precision": _listed(group.precision),
            "Wall time, all jobs": _duration(pd.to_numeric(group.wall_seconds).sum()),
            "Largest memory (MB)": f"{pd.to_numeric(group.peak_memory_mb).max():.0f}",
        }
        for rule, group in frame.groupby("rule")
    ]
    return {
        "jobs": table(pd.DataFrame(jobs)),
        "versions": {name: ", ".join(sorted(found)) for name, found in sorted(versions.items())},
        "commits": sorted({str(record.get("git_commit")) for record in records}),
        "wall": _duration(float(pd.to_numeric(frame.wall_seconds).sum())),
        "started": min((str(record.get("started")) for record in records), default="–"),
    }


def embedded(path: Path) -> str:
    """A PNG as a data address."""
    try:
        return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise InputError(f"{path}: the figure cannot be read ({error}); draw it again") from error


def _record(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable record.json ({error}); run its job again") from error


def _listed(values: pd.Series) -> str:
    return ", ".join(sorted({str(value) for value in values.dropna()} - {""})) or "–"


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
