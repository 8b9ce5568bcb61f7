"""What is told at the end: findings, and what nobody but the user knows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

FEW = 5  # names that a line gives


@dataclass
class Notes:
    """found: findings; to_mend: what is left to the user, each with its remedy."""

    found: list[str] = field(default_factory=list)
    to_mend: list[str] = field(default_factory=list)

    def by_reason(self, where: str, pairs: Iterable[tuple[str, str]]) -> None:
        """A line to mend for each reason, with the names that it holds for; pairs: (reason, name)."""
        reasons: dict[str, list[str]] = defaultdict(list)
        for reason, name in pairs:
            reasons[reason].append(name)
        self.to_mend += [f"{where}: {few(names)}: {reason}" for reason, names in reasons.items()]


def few(names: Sequence[str]) -> str:
    """The first names, and how many there are more."""
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return f"{', '.join(names[:FEW])}{more}"
