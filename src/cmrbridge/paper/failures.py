"""What went wrong: structures that were missed, the worst cases, jobs that stumbled, trainings that had not settled."""

from collections.abc import Mapping, Sequence

import pandas as pd

from cmrbridge.evaluation.claims import FLAT
from cmrbridge.evaluation.frames import MEAN, with_mean_structure
from cmrbridge.paper.records import Record, Training
from cmrbridge.paper.render import Table, table
from cmrbridge.paper.style import in_order

WORST = 5  # cases shown per target and arm
MISSED = ("absent", "elsewhere", "invented", "unknown")  # why a structure scores Dice 0
IMPLAUSIBLE_EF = (0.0, 95.0)  # per cent: no beating heart lies outside
CASE = ["source", "target", "arm", "architecture", "seed", "subject", "phase", "structure"]


def missed(cases: pd.DataFrame) -> pd.DataFrame:
    """Per source, architecture, target and arm: predicted (structures in all cases and seeds), absent (Dice 0 and
    nothing predicted), elsewhere (Dice 0, and what is predicted lies beside the reference), invented (predicted where
    the reference has none), unknown (Dice 0, and the table holds no volumes to tell which), odd_ef (left ventricular
    ejection fractions outside `IMPLAUSIBLE_EF`, %).
    """
    whole = cases[(cases.region == "whole") & cases.metric.isin(["dice", "volume_ml", "volume_error_ml"])]
    wide = whole.pivot(index=CASE, columns="metric", values="value")
    wide = wide.reindex(columns=["dice", "volume_ml", "volume_error_ml"]).dropna(subset="dice").reset_index()
    zero = wide.dice == 0
    absent = zero & (wide.volume_ml == 0)
    invented = zero & (wide.volume_ml > 0) & (wide.volume_ml - wide.volume_error_ml < 1e-4)  # six decimals are kept
    unknown = zero & wide.volume_ml.isna()
    elsewhere = zero & ~absent & ~invented & ~unknown
    kinds = wide.assign(predicted=1, absent=absent, invented=invented, elsewhere=elsewhere, unknown=unknown)
    groups = ["source", "architecture", "target", "arm"]
    counts = kinds.groupby(groups)[["predicted", *MISSED]].sum()
    fractions = cases[(cases.metric == "ef_percent") & (cases.structure == "LV")]
    low, high = IMPLAUSIBLE_EF
    odd = fractions[(fractions.value <= low) | (fractions.value >= high)].groupby(groups).size()
    return counts.assign(odd_ef=odd.reindex(counts.index, fill_value=0)).astype(int).reset_index()


def missed_table(counts: pd.DataFrame) -> pd.DataFrame:
    """The rows of `missed` where something is, for reading."""
    bad = counts[counts[[*MISSED, "odd_ef"]].any(axis=1)]
    rank = {arm: place for place, arm in enumerate(in_order(bad.arm))}
    bad = bad.assign(rank=bad.arm.map(rank)).sort_values(["source", "architecture", "target", "rank"])
    shown = {
        "Source": bad.source,
        "Architecture": bad.architecture,
        "Target": bad.target,
        "Arm": bad.arm,
        "Structures asked for": bad.predicted,
        "Not found": bad.absent,
        "Beside the reference": bad.elsewhere,
        "Found where there is none": bad.invented,
        **({"Dice 0, reason unknown": bad.unknown} if bad.unknown.any() else {}),
        "EF ≤ 0 or ≥ 95 %": bad.odd_ef,
    }
    return pd.DataFrame(shown)


def worst_cases(cases: pd.DataFrame, arms: Sequence[str], people: pd.DataFrame) -> Table:
    """Per source, architecture, target and arm of ``arms``, the `WORST` subjects and phases by mean Dice over
    structures and seeds, the worst first, with every structure's Dice and what is known of the scan.

    people: rows of subjects.csv with the column target, a row per target, subject and phase.
    """
    dice = with_mean_structure(cases[(cases.region == "whole") & (cases.metric == "dice") & cases.arm.isin(list(arms))])
    keys = ["source", "architecture", "target", "arm", "subject", "phase"]
    wide = dice.pivot_table(index=keys, columns="structure", values="value", aggfunc="mean").reset_index()
    places = {arm: place for place, arm in enumerate(arms)}
    wide = wide.assign(place=wide.arm.map(places)).sort_values(MEAN, kind="stable")
    worst = wide.groupby(["source", "architecture", "target", "place"]).head(WORST)
    worst = worst.sort_values(["source", "architecture", "target", "place", MEAN], kind="stable")
    known = people[["target", "subject", "phase", "scanner", "pathology"]]
    worst = worst.merge(known, on=["target", "subject", "phase"], how="left")
    structures = [name for name in ("LV", "MYO", "RV") if name in worst]
    shown = {
        "Target": worst.target,
        "Arm": worst.arm,
        "Subject": worst.subject + " " + worst.phase,
        "Mean Dice": worst[MEAN].map("{:.3f}".format),
        **{name: worst[name].map("{:.3f}".format).replace("nan", "–") for name in structures},
        "Scanner": worst.scanner,
        "Pathology": worst.pathology,
    }
    if worst.source.nunique() * worst.architecture.nunique() > 1:
        shown = {"Source": worst.source, "Architecture": worst.architecture, **shown}
    return table(pd.DataFrame(shown))


def failure_sentences(counts: pd.DataFrame, records: Sequence[Record], trainings: Sequence[Training]) -> list[str]:
    """What failed, counted; each sentence says so too where nothing did."""
    return [_structures(counts), _resumed(records), _skipped(trainings), _unsettled(trainings)]


def _structures(counts: pd.DataFrame) -> str:
    total = counts[["predicted", *MISSED]].sum()
    if not total[list(MISSED)].any():
        return f"Each of {total.predicted} structures was found, in part at least, where it is."
    kinds = {
        "were not found": total.absent,
        "lie beside the reference": total.elsewhere,
        "were found where there is none": total.invented,
        "score 0 for a reason that the table does not tell": total.unknown,
    }
    listed = ", ".join(f"{number} {what}" for what, number in kinds.items() if number)
    return f"Of {total.predicted} structures asked for (all arms, targets, seeds and phases), {listed}."


def _resumed(records: Sequence[Record]) -> str:
    resumed = [record for record in records if (record.get("sessions") or 1) > 1]
    if not resumed:
        return f"None of the {len(records)} recorded jobs was interrupted."
    jobs = ", ".join(f"{record.get('job')} ({record['sessions']} sessions)" for record in resumed)
    return f"{len(resumed)} of {len(records)} recorded jobs were interrupted and went on from their last state: {jobs}."


def _skipped(trainings: Sequence[Training]) -> str:
    bad: Mapping[str, int] = {_name(one): one.skipped for one in trainings if one.skipped}
    if not bad:
        return "No training met a loss that was not finite."
    return "Steps skipped because the loss was not finite: " + ", ".join(f"{k}: {v}" for k, v in bad.items()) + "."


def _unsettled(trainings: Sequence[Training]) -> str:
    rising = [f"{_name(one)} (+{100 * one.gain:.1f})" for one in trainings if one.gain is not None and one.gain > FLAT]
    unknown = [_name(one) for one in trainings if one.gain is None]
    parts = [
        f"Validation Dice still rose by more than {100 * FLAT:g} points in the last fifth of {len(rising)} of "
        f"{len(trainings)} trainings" + (f": {', '.join(rising)}." if rising else ".")
    ]
    if unknown:
        parts.append(f"Too few validations to tell: {', '.join(unknown)}.")
    return " ".join(parts)


def _name(one: Training) -> str:
    return f"{one.arm}, {one.architecture}, seed {one.seed}"
