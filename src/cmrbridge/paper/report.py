"""One self-contained page about a study, for a stranger, and the checklist that goes beside it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from cmrbridge.paper import checklist, content, failures, records
from cmrbridge.paper.captions import captioned
from cmrbridge.paper.findings import (
    dice_by_target,
    endpoint,
    gap_sentences,
    is_measured,
    overall,
    seeds_per_arm,
    sentence,
)
from cmrbridge.paper.flow import count_flow
from cmrbridge.paper.flow_layout import SPINE, WIDTH, lay_out
from cmrbridge.paper.followings import judge_followings
from cmrbridge.paper.limits import Facts, limits
from cmrbridge.paper.render import embedded, render, shared_apart, table
from cmrbridge.paper.shift import hidden, shift_table
from cmrbridge.paper.study import About, Files, Study, read_study
from cmrbridge.paper.tables import WHY_P_DIFFER, comparisons_table, results_table
from cmrbridge.paper.verdicts import Verdict, give_verdicts, networks_of

__all__ = ["About", "Files", "write_report"]


def write_report(*, about: About, files: Files, report: Path, claim: Path) -> None:
    """Write ``report`` (.html), which needs no file or address outside it, and ``claim``, the checklist (.md)."""
    study = read_study(about, files)
    limited = limits(_facts(study))
    items = checklist.filled(content.checklist_facts(study) | {"limit_count": len(limited)})
    page = {
        "study": about.study,
        "config_text": about.config_text,
        "notes": list(about.notes),
        "checklist": items,
        "for_author": checklist.AUTHOR,
        "figures": [
            {**figure, "caption": captioned(figure, study), **embedded(Path(figure["path"]))}
            for figure in about.figures
        ],
        **_answer(study),
        **_data(study),
        **_generators(files),
        **_failures(study),
        **_tables(study),
        **_provenance(study),
        "limits": limited,
    }
    report.write_text(render("report.html.j2", page), encoding="utf-8")
    claim.write_text(checklist.as_markdown(items, about.study), encoding="utf-8")


def _answer(study: Study) -> dict[str, Any]:
    about, seeds = study.about, seeds_per_arm(study.cases)
    oracles = [arm for arm, seen in about.access.items() if seen == "oracle"]
    declared = study.compared[study.compared.primary].itertuples()
    judged = endpoint(study.compared).itertuples()
    told = [(bool(row.primary), sentence(row, len(study.compared), about.nominal)) for row in judged]
    return {
        "gap_sentences": gap_sentences(study.cases, about.reference),
        "gaps": content.gap_tables(dice_by_target(study.summary)),
        "primary": [line for primary, line in told if primary],
        "unmeasured": sorted({row.target for row in declared if not is_measured(row, about.nominal)}),
        "others": [line for primary, line in told if not primary],
        "overall": overall(study.compared, oracles, about.nominal),
        "baseline": ", ".join(sorted(set(study.compared.baseline))),
        "arms": content.arms_table(about, seeds),
        "augmentations": about.augmentations,
        "conditions": study.conditions,
        "follows": study.doses is not None,
        "verdicts": _verdicts(study),
    }


def _verdicts(study: Study) -> list[Verdict]:
    about, networks = study.about, networks_of(study)
    found = give_verdicts(study.claimed, study.cases, networks, about.nominal, study.conditions)
    if study.doses:
        found += judge_followings(about.follows, study.doses, study.cases, networks, about.nominal, study.conditions)
    return found


def _data(study: Study) -> dict[str, Any]:
    files = study.files
    flows = count_flow(
        subjects=files.subjects,
        duplicates=files.duplicates,
        splits=files.splits,
        roles=study.about.roles,
        cases=study.cases,
    )
    return {
        "datasets": content.datasets_table(files.subjects),
        "flows": [(flow, lay_out(flow)) for flow in flows],
        "flow_width": WIDTH,
        "flow_spine": SPINE,
        "shift": table(shift_table(files.shift)) if files.shift else None,
        "hidden": hidden(files.shift, study.compared.baseline.iloc[0]) if files.shift and len(study.compared) else [],
    }


def _generators(files: Files) -> dict[str, Any]:
    return {
        "validity": [(content.named_by(path), content.validity_table(path)) for path in files.validity],
        "fidelity": [(content.named_by(path), content.fidelity_table(path)) for path in files.fidelity],
        "audits": [(content.named_by(path), json.loads(path.read_text(encoding="utf-8"))) for path in files.audits],
        "choices": [(content.named_by(path), json.loads(path.read_text(encoding="utf-8"))) for path in files.choices],
    }


def _failures(study: Study) -> dict[str, Any]:
    counts = failures.missed(study.cases)
    shown = [*sorted(set(study.compared.baseline)), *study.compared.arm[study.compared.primary].unique()]
    return {
        "failures": failures.failure_sentences(counts, study.records, study.trainings),
        "missed": shared_apart(failures.missed_table(counts)),
        "worst": failures.worst_cases(
            study.cases, shown or sorted(set(study.cases.arm)), study.scans.rename(columns={"domain": "target"})
        ),
    }


def _tables(study: Study) -> dict[str, Any]:
    return {
        "results": content.means_and_structures(study.summary, results_table),
        "comparisons": content.means_and_structures(study.compared, comparisons_table),
        "why_p_differ": WHY_P_DIFFER,
    }


def _provenance(study: Study) -> dict[str, Any]:
    files = study.files
    tables = [files.cases, files.comparisons, files.claims, files.doses, files.correlations]
    outcome = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tables if path}
    return {
        "jobs": records.jobs_table(study.records),
        "trainings": records.trainings_table(study.trainings),
        "digests": records.digests_table(study.records, outcome),
        **records.provenance(study.records),
    }


def _facts(study: Study) -> Facts:
    return Facts(
        cases=study.cases,
        compared=study.compared,
        people=study.scans,
        records=study.records,
        trainings=study.trainings,
        access=study.about.access,
        readers=study.about.readers,
        nominal=study.about.nominal,
        spacing_mm=float(study.about.facts["spacing"]),
        conditions=study.conditions,
    )
