"""The report's smaller tables, and what its checklist is filled with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cmrbridge.core.anatomy import RULES
from cmrbridge.evaluation.claimed import TEST
from cmrbridge.evaluation.frames import MEAN
from cmrbridge.paper import failures, records
from cmrbridge.paper.generators import MEASURE_NAMES
from cmrbridge.paper.render import Table, percent, shared_apart, table
from cmrbridge.paper.study import About, Study
from cmrbridge.paper.style import METRIC_NAMES, in_order

RULE_WORDS = RULES | {
    "wall_thickness": "the wall's mean thickness lies within the 0.5–99.5 percentiles of real masks",
    "all": "all of these",
}
CLAIM = ["arm", "baseline", "metric", "by", "words"]  # rows alike in these are one claim, on several targets or sources


def gap_tables(dice: pd.DataFrame) -> list[tuple[str, Table]]:
    """Per source and architecture, mean Dice ± SD over subjects: a row per arm, a column per domain, its own first."""
    text = dice["mean"].map("{:.3f}".format) + " ± " + dice.sd.map("{:.3f}".format)
    home = (dice.source == dice.target).map({True: "own domain, ", False: ""})
    titled = dice.assign(text=text, head=dice.target + " (" + home + "n = " + dice.n.astype(str) + ")")
    found = []
    for (source, architecture), rows in titled.groupby(["source", "architecture"]):
        heads = rows.assign(away=rows.target != source).sort_values(["away", "target"])["head"].unique()
        wide = rows.pivot(index="arm", columns="head", values="text").reindex(in_order(rows.arm))[list(heads)]
        found.append((f"Source {source}, {architecture}", table(wide.reset_index(names="Arm"))))
    return found


def arms_table(about: About, seeds: Mapping[str, int]) -> Table:
    """A row per arm: what it learns from, what it adds, what it may see of a target, how often it was trained."""
    rows = [
        {
            "Arm": arm,
            "Trained on": about.arms.get(arm, {}).get("training", "not declared"),
            "What it does": about.arms.get(arm, {}).get("does", "not declared"),
            "Access to the target": about.access.get(arm, "not declared"),
            "Training runs": seeds[arm],
        }
        for arm in in_order(seeds)
    ]
    return table(pd.DataFrame(rows))


def datasets_table(paths: Sequence[Path]) -> Table:
    """Per data set: subjects, cases, scanners' vendors, annotated structures, licence, the crop's largest loss."""
    rows = []
    for path in paths:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        lost = pd.to_numeric(frame.cut_off, errors="coerce").max()
        rows.append(
            {
                "Data set": records.listed(frame.dataset),
                "Subjects": frame.subject.nunique(),
                "Cases": len(frame),
                "Vendors": records.listed(frame.vendor),
                "Annotated": records.listed(frame.annotated.str.split().explode().fillna("")),
                "Licence": records.listed(frame.licence),
                "Most of a label that the crop loses": "–" if pd.isna(lost) else f"{100 * lost:.1f} %",
            }
        )
    return table(pd.DataFrame(rows))


def fidelity_table(path: Path) -> Table:
    """Each measure of generated pairs with its range, beside the same measure between real subjects."""
    frame = pd.read_csv(path)
    shown = {"What": frame["what"], "Measure": frame.measure.replace(MEASURE_NAMES)}
    for title in ("generated", "reference"):
        ends = [frame[f"{title}_{end}"].map("{:.3g}".format) for end in ("low", "high")]
        shown[title.capitalize()] = frame[title].map("{:.3g}".format) + " (" + ends[0] + " to " + ends[1] + ")"
    shown |= {"Ratio": frame.ratio.map("{:.2f}".format).replace("nan", ""), "n": frame.n}
    return table(pd.DataFrame(shown))


def validity_table(path: Path) -> Table:
    """Each rule of anatomy in words, and the shares of generated and of real masks that keep it."""
    frame = pd.read_csv(path)
    shown = {
        "Rule": frame.rule.replace(RULE_WORDS),
        "Generated": frame.samples.map(percent),
        "n generated": frame.n_samples,
        "Real, held out": frame.held_out.map(percent).where(frame.held_out.notna(), "–"),
        "n real": frame.n_held_out,
    }
    return table(pd.DataFrame(shown))


def named_by(path: Path) -> str:
    """What tells one table of a generator from another, by the folders that it lies in: source, seed, and the method or
    how long the generator was trained."""
    source, seed, last = path.parts[-4:-1]
    moments = {"sample": "", "end": ", at the end of its training"}
    steps = f", after {last.removeprefix('step-')} steps" if last.startswith("step-") else f", {last}"
    return f"{source}, generator's {seed.replace('-', ' ')}{moments.get(last, steps)}"


def means_and_structures(rows: pd.DataFrame, shown: Callable[[pd.DataFrame], pd.DataFrame]) -> tuple[Any, Any]:
    """Two tables of one frame: the means over structures, and the single structures; each with what all its rows share
    told once."""
    means = rows.structure == MEAN
    return shared_apart(shown(rows[means])), shared_apart(shown(rows[~means]))


def checklist_facts(study: Study) -> dict[str, Any]:
    """What the answers of `checklist.ITEMS` name: from the run, and from the config's own ``facts`` (spacing, size,
    split_seed, ensembles)."""
    cases, scans = study.cases, study.scans
    targets = sorted(set(cases.target[cases.target != cases.source]))
    subjects = cases.groupby("target").subject.nunique()
    annotated = scans[scans.annotated != ""]
    origin = records.provenance(study.records)
    sentences = failures.failure_sentences(failures.missed(cases), study.records, study.trainings)
    return {
        **study.about.facts,
        "endpoint": _endpoint(study.compared),
        "claims": claims_told(study.claimed, study.about.follows),
        "datasets": records.listed(scans.dataset),
        "licences": records.listed(scans.licence),
        "copies": len(pd.read_csv(study.files.duplicates)[["dropped_dataset", "dropped_subject"]].drop_duplicates()),
        "domains": ", ".join(study.about.roles),
        "annotated": records.listed(scans.annotated.str.split().explode().fillna("")),
        "not_annotated": len(set(zip(scans.dataset, scans.subject)) - set(zip(annotated.dataset, annotated.subject))),
        "test_subjects": ", ".join(f"{target} {count}" for target, count in subjects.items()),
        "arms": ", ".join(in_order(cases.arm)),
        "arm_count": cases.arm.nunique(),
        "architectures": records.listed(cases.architecture),
        "seeds": records.listed(cases.seed),
        "seed_count": cases.seed.nunique(),
        "schedule": "; ".join(sorted({records.schedule(one.record) for one in study.trainings})),
        "metrics": ", ".join(METRIC_NAMES[name] for name in METRIC_NAMES if name in set(cases.metric)),
        "comparisons": len(study.compared),
        "claim_tests": len(study.claimed.drop_duplicates(TEST)),
        "sources": records.listed(cases.source),
        "targets": ", ".join(targets),
        "target_count": len(targets),
        "access": "; ".join(f"{arm} {study.about.access.get(arm, 'not declared')}" for arm in in_order(cases.arm)),
        "versions": ", ".join(f"{name} {version}" for name, version in origin["versions"].items()),
        "commits": ", ".join(origin["commits"]),
        "failures": " ".join(sentences[:1]) + " Worst cases and trainings in the report's section on failures.",
    }


def _endpoint(compared: pd.DataFrame) -> str:
    rows = compared[compared.primary]
    named = [
        f"{METRIC_NAMES[one.metric]} of {one.arm} with {one.architecture} against {one.baseline} on {one.target}"
        for one in rows.itertuples()
    ]
    return "; ".join(named) or "none"


def claims_told(claimed: pd.DataFrame, follows: Sequence[object]) -> str:
    """How many claims there are of either kind, and where they are judged.

    claimed: of `compare_claims`; where a study declares none, the endpoint stands in it. follows: see `About`.
    """
    own = claimed.drop_duplicates(CLAIM)
    declared = own[~own.primary | (own.by > 0) | (own.words != "")]
    better = f"{len(own)} that an arm is better than another" if len(declared) else "that of the endpoint"
    parts = [better] if len(own) else []
    if follows:
        parts.append(f"{len(follows)} that the gain follows the quality of generated pairs")
    return f"{' and '.join(parts)}, judged in the report's section Claims" if parts else "none"
