"""The table as a page of its own: no other file, no network, a picture of each case that the eye can judge."""

from collections import Counter

from jinja2 import Environment, PackageLoader, StrictUndefined

from cmrbridge.data.check.pictures import picture
from cmrbridge.data.check.problem import SEVERITIES, Problem
from cmrbridge.data.frames import Frame

MOST = 150  # pictures of a page, those of the gravest problems

Case = tuple[str, str, str]  # dataset, subject, phase


def page(problems: list[Problem], frames: dict[Case, Frame], codes: dict[str, dict[str, int]], summary: str) -> str:
    """HTML of the problems in their order; ``codes``: each data set's code of each structure."""
    pictures: dict[tuple[Case, str], str] = {}
    for one in problems:
        case = (one.dataset, one.subject, one.phase)
        if case in frames and (case, one.slice) not in pictures and len(pictures) < MOST:
            index = int(one.slice) if one.slice else None
            pictures[case, one.slice] = picture(frames[case], codes[one.dataset], index)
    environment = Environment(
        loader=PackageLoader("cmrbridge.data.check", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    # a case and slice of which several things are told is shown with the first of them
    rows = [(one, pictures.pop(((one.dataset, one.subject, one.phase), one.slice), "")) for one in problems]
    return environment.get_template("page.html.j2").render(summary=summary, rows=rows)


def summary_of(problems: list[Problem], subjects: dict[str, int]) -> str:
    """What was looked at and how much was found, by severity and check."""
    counted = Counter((one.severity, one.check) for one in problems)
    looked = ", ".join(f"{name}: {count} subjects" for name, count in subjects.items())
    lines = [f"Looked at {looked}."]
    for severity in SEVERITIES:
        kinds = {check: count for (grave, check), count in counted.items() if grave == severity}
        if kinds:
            told = ", ".join(f"{check} {count}" for check, count in sorted(kinds.items()))
            lines.append(f"{sum(kinds.values())} {severity}{'s' if sum(kinds.values()) > 1 else ''}: {told}")
    return "\n".join([*lines, *([] if problems else ["Nothing found."])])
