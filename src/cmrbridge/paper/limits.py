"""What a study cannot say, read off its own data: one rule per limit, none where it does not apply."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cmrbridge.evaluation.claims import Conditions
from cmrbridge.paper.records import Record, Training

FEW = 20  # test subjects of a target
STRUCTURES = ("LV", "MYO", "RV")
CUT = 0.01  # share of a label that a crop may lose unmentioned


@dataclass(frozen=True)
class Facts:
    """What the limits are read from.

    cases: the table of scores; compared: comparisons; people: rows of subjects.csv with column "domain", one per
    domain, subject and phase, and "split"; access: arm → what it may see; readers: data set → reader;
    nominal: domains whose millimetres are no measurement; spacing_mm: of the canonical grid; conditions: of a verdict.
    """

    cases: pd.DataFrame
    compared: pd.DataFrame
    people: pd.DataFrame
    records: Sequence[Record]
    trainings: Sequence[Training]
    access: Mapping[str, str]
    readers: Mapping[str, str]
    nominal: Sequence[str]
    spacing_mm: float
    conditions: Conditions


def limits(facts: Facts) -> list[str]:
    """Every limit that applies, in words, those of the data first."""
    rules = (
        _simulated,
        _nominal,
        _one_target,
        _few_subjects,
        _vendors,
        _elsewhere,
        _pathologies,
        _unannotated,
        _untaught,
        _cropped,
        _coarse,
    )
    return [line for rule in (*rules, _few_seeds, _accesses, _machines, _code) for line in rule(facts)]


def _simulated(facts: Facts) -> Iterator[str]:
    names = [name for name, reader in facts.readers.items() if reader == "phantom"]
    if names:
        yield f"The images of {_and(names)} are simulated: they say how the methods work, not how they do on patients."


def _nominal(facts: Facts) -> Iterator[str]:
    domains = sorted(set(facts.nominal) & {*facts.cases.source, *facts.cases.target})
    if domains:
        yield (
            f"The millimetres of {_and(domains)} are nominal: surface distances, volumes, masses and what goes by "
            "spacing are no measurements there."
        )


def _one_target(facts: Facts) -> Iterator[str]:
    for source, rows in facts.cases.groupby("source"):
        targets = sorted(set(rows.target) - {source})
        if len(targets) == 1:
            yield f"Trained on {source}, networks met one other domain ({targets[0]}): another may behave otherwise."


def _few_subjects(facts: Facts) -> Iterator[str]:
    counts = facts.cases.groupby("target").subject.nunique()
    few = counts[counts < FEW]
    if len(few):
        yield (
            f"Few test subjects ({_counts(few)}): intervals are wide, and a difference that is not significant is no "
            "proof that there is none."
        )


def _vendors(facts: Facts) -> Iterator[str]:
    named = facts.people[(facts.people.vendor != "") & (facts.people.centre != "")]
    centres = named.groupby("vendor").centre.nunique()
    if len(centres) > 1 and (centres == 1).all():
        yield (
            "Each vendor comes from one centre: what is lost on a vendor may as well be due to its centre, its "
            "protocol or its patients."
        )


def _elsewhere(facts: Facts) -> Iterator[str]:
    home = facts.people.drop_duplicates("domain").set_index("domain").dataset
    pairs = facts.cases[["source", "target"]].drop_duplicates()
    known = pairs[pairs.source.isin(home.index) & pairs.target.isin(home.index)]
    other = [f"{one.source} → {one.target}" for one in known.itertuples() if home[one.source] != home[one.target]]
    if other:
        yield (
            f"Source and target are different data sets ({_and(other)}): scanner, patients and the hand that drew the "
            "outlines change together."
        )


def _pathologies(facts: Facts) -> Iterator[str]:
    known = facts.people[facts.people.pathology != ""]
    trained = known[known.split == "train"].groupby("domain").pathology.agg(set)
    tested = known[known.split == "test"].groupby("domain").pathology.agg(set)
    for source, rows in facts.cases.groupby("source"):
        seen = trained.get(source, set())
        new = sorted(set().union(*(tested.get(target, set()) for target in set(rows.target))) - seen)
        if seen and new:
            yield (
                f"No training subject of {source} is labelled {' or '.join(new)}, as test subjects are; data sets may "
                "have several names for one disease."
            )


def _unannotated(facts: Facts) -> Iterator[str]:
    for (dataset, phase), rows in facts.people.groupby(["dataset", "phase"]):
        found = set(" ".join(rows.annotated).split())
        missing = [name for name in STRUCTURES if name not in found]
        if found and missing:
            yield f"{dataset} has no outlines of {_and(missing)} at {phase}: nothing is said of them there."


def _untaught(facts: Facts) -> Iterator[str]:
    for arm in (arm for arm, seen in facts.access.items() if seen == "oracle"):
        for source, rows in facts.cases[facts.cases.arm == arm].groupby("source"):
            targets = sorted(set(rows.target) - {source})
            taught = facts.people[facts.people.domain.isin(targets) & (facts.people.split == "train")].annotated
            missing = sorted(set(rows.structure) & set(STRUCTURES) - set(" ".join(taught).split()))
            if len(taught) and missing:
                yield (
                    f"{arm} learnt from {_and(targets)}, where nobody outlined {_and(missing)}: where that is scored, "
                    "its scores and its means over structures are no ceiling."
                )


def _cropped(facts: Facts) -> Iterator[str]:
    lost = pd.to_numeric(facts.people.cut_off, errors="coerce")
    if lost.max() > CUT:
        worst = facts.people.loc[lost.idxmax()]
        yield (
            f"The networks see a crop around the heart, which loses up to {100 * lost.max():.1f} % of a label "
            f"({worst.domain}, {worst.subject}); scores count that against every arm alike."
        )


def _coarse(facts: Facts) -> Iterator[str]:
    measured = facts.people[~facts.people.domain.isin(list(facts.nominal))]
    finest = pd.to_numeric(measured.spacing_x, errors="coerce").min()
    if finest < facts.spacing_mm:
        yield (
            f"The networks work at {facts.spacing_mm:g} mm per pixel, the finest file has {finest:.2g} mm: no arm can "
            "reach the Dice of networks at full resolution."
        )


def _few_seeds(facts: Facts) -> Iterator[str]:
    runs = facts.cases.groupby(["source", "architecture", "arm"]).seed.nunique()
    few = runs.groupby("arm").min()
    few = few[few < facts.conditions.seeds]
    if len(few):
        yield (
            f"Fewer than {facts.conditions.seeds} training runs ({_counts(few)}): how far a result hangs on the seed "
            "is barely known."
        )


def _accesses(facts: Facts) -> Iterator[str]:
    for baseline in sorted(set(facts.compared.baseline)):
        other = [arm for arm, seen in facts.access.items() if seen != facts.access.get(baseline)]
        if other:
            yield (
                f"{_and(other)}: such an arm may see other things of the target than {baseline}, and is no rival of "
                "it; an oracle is a ceiling, not a remedy."
            )


def _machines(facts: Facts) -> Iterator[str]:
    for architecture in dict.fromkeys(one.architecture for one in facts.trainings):  # arms are compared within one
        own = [one.record for one in facts.trainings if one.architecture == architecture]
        for what in ("device", "precision"):  # nnU-Net's trainings record no precision
            kinds = sorted({str(record[what]) for record in own if record.get(what)})
            if len(kinds) > 1:
                yield (
                    f"Trainings of {architecture} ran on more than one {what} ({_and(kinds)}): these are not one "
                    "experiment."
                )


def _code(facts: Facts) -> Iterator[str]:
    commits = {str(record.get("git_commit")) for record in facts.records}
    if len(commits) > 1:
        yield f"Jobs ran from {len(commits)} states of the code; each job's record names its own."
    if any("+dirty" in commit for commit in commits):
        yield "Some jobs ran from files that no commit holds: they cannot be remade exactly."
    if "None" in commits:
        yield "Some jobs ran outside a repository, so the state of the code is known by its digest alone."


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _counts(numbers: pd.Series) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())
