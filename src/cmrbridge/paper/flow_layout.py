"""The flow diagram as boxes and arrows that fit a telephone: a spine at the left, side boxes to its right."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from cmrbridge.paper.flow import DatasetFlow, DomainFlow

WIDTH = 360  # user units, about pixels of a telephone
SPINE = 22  # where the line down runs
INDENT = 48  # of the boxes beside it
LINE, PADDING, GAP = 18, 9, 16
COLUMN, BOLD = 7.0, 8.0  # mean width of a letter at the drawing's font size


@dataclass(frozen=True)
class Box:
    """x, y, width, height in user units; lines: text, the first bold where ``strong``; aside: it leaves the study."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    strong: bool
    aside: bool

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass
class Drawing:
    """Boxes from top to bottom; the spine runs from the first to the last one's middle."""

    boxes: list[Box] = field(default_factory=list)
    height: float = 1.0

    def add(self, lines: Sequence[str], *, indent: bool, strong: bool = False, aside: bool = False) -> None:
        x = INDENT if indent else 1
        width = WIDTH - 1 - x
        widths = [BOLD if strong and number == 0 else COLUMN for number in range(len(lines))]
        wrapped = tuple(
            part
            for line, letter in zip(lines, widths)
            for part in textwrap.wrap(line, int((width - 2 * PADDING) / letter))
        )
        height = LINE * len(wrapped) + 2 * PADDING
        self.boxes.append(Box(x, self.height, width, height, wrapped, strong, aside))
        self.height += height + GAP


def lay_out(flow: DatasetFlow) -> Drawing:
    """One data set from the files found to the subjects scored."""
    drawing = Drawing()
    images = f"{flow.frames} images (subject and phase)"
    without = f", {flow.not_annotated} without outlines" if flow.not_annotated else ""
    drawing.add([flow.name, f"{count(flow.found)} found{without}", images], indent=False, strong=True)
    drawing.add(
        [f"{flow.copies} dropped as copies of others", f"{flow.elsewhere} in no domain of this study"],
        indent=True,
        aside=True,
    )
    shared = [f"{flow.shared} memberships in a second one"] if flow.shared else []
    many = f"{len(flow.domains)} domain{'' if len(flow.domains) == 1 else 's'}"
    drawing.add([f"{count(flow.used)} in {many}", *shared], indent=False, strong=True)
    for domain in flow.domains:
        drawing.add(_domain_lines(domain), indent=True, strong=True)
    return drawing


def _domain_lines(domain: DomainFlow) -> list[str]:
    parts = {
        "training": domain.training,
        "validation": domain.validation,
        "test": domain.test,
        "images only": domain.images_only,
        "unused": domain.unused,
    }
    kept = ("training", "validation", "test")
    listed = " · ".join(f"{name} {number}" for name, number in parts.items() if number or name in kept)
    scored = "not tested" if domain.scored is None else f"scored {domain.scored} of {domain.test} test subjects"
    return [f"{domain.name}: {count(domain.subjects)}", ", ".join(domain.roles), listed, scored]


def count(subjects: int) -> str:
    """ "1 subject", "7 subjects"."""
    return f"{subjects} subject{'' if subjects == 1 else 's'}"
