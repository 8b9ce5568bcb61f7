"""Identifiers to look for, and the ways in which they are usually written."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from itertools import permutations
from pathlib import Path

from cmrbridge.errors import InputError

SHORTEST = 3  # letters and digits of an identifier; shorter ones are everywhere
FREE = 6  # letters and digits from which on an identifier is found inside longer words too
MOST_TURNED = 3  # parts of a name up to which every order of them is looked for
BETWEEN = r"[\W_]{0,3}"  # what may stand between two parts: Doe^Jane, doe_jane, Doe, Jane, DoeJane
MONTHS = "January February March April May June July August September October November December"
UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "æ": "ae"}
ISO = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")


class Words:
    """The identifiers of a file, one a line; `find` gives the numbers of the lines whose identifier a text holds."""

    def __init__(self, lines: list[str], where: str) -> None:
        self._patterns: dict[int, tuple[set[str], re.Pattern[str]]] = {}
        for number, line in enumerate(lines, 1):
            word = unicodedata.normalize("NFC", line.strip())
            if not word:
                continue
            if sum(letter.isalnum() for letter in word) < SHORTEST:
                raise InputError(f"{where}: line {number} has fewer than {SHORTEST} letters; write more of it")
            self._patterns[number] = (_marks(word), re.compile(_pattern(word), re.IGNORECASE))
        if not self._patterns:
            raise InputError(f"{where}: no identifier in it; write names, numbers and dates, one a line")

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """(line of the identifier, index in the text) of the first hit of each."""
        lower = text.lower()
        for number, (marks, pattern) in self._patterns.items():
            hit = pattern.search(text) if any(mark in lower for mark in marks) else None
            if hit:
                yield number, hit.start()


def read_words(path: Path) -> Words:
    """The identifiers of a UTF-8 file."""
    try:
        return Words(path.read_text(encoding="utf-8-sig").splitlines(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); write one identifier a line, as UTF-8") from error


def _pattern(word: str) -> str:
    day = _date(word)
    ways = [rf"(?<!\d){way}(?!\d)" for way in _date_ways(day)] if day else sorted(_name_ways(word))
    return "|".join(ways)


def _marks(word: str) -> set[str]:
    """Lower-case pieces of which a text with this identifier holds one: looked for first, since that is quick."""
    day = _date(word)
    return {str(day.year)} if day else {max(_parts(spelling), key=len).lower() for spelling in _spellings(word)}


def _spellings(word: str) -> set[str]:
    """With and without accents."""
    return {word, _transcribed(word), _bare(word)}


def _parts(spelling: str) -> list[str]:
    return [part for part in re.split(r"[\W_]+", spelling) if part]


def _name_ways(word: str) -> set[str]:
    """The parts in any order, whatever stands between them."""
    ways = set()
    for spelling in _spellings(word):
        parts = [re.escape(part) for part in _parts(spelling)]
        orders = permutations(parts) if len(parts) <= MOST_TURNED else [tuple(parts)]
        for order in orders:
            ways.add(_bounded(BETWEEN.join(order), sum(map(len, parts)), spelling))
    return ways


def _bounded(way: str, length: int, word: str) -> str:
    """A number is no part of a longer number, a short identifier no part of a longer word."""
    if length < FREE:
        return rf"(?<![^\W_]){way}(?![^\W_])"
    return rf"(?<!\d){way}(?!\d)" if re.fullmatch(r"[\d\W_]+", word) else way


def _transcribed(word: str) -> str:
    return "".join(UMLAUTS.get(letter, letter) for letter in word.lower())


def _bare(word: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))


def _date(word: str) -> date | None:
    """The day that YYYY-MM-DD or YYYYMMDD names."""
    parts = ISO.fullmatch(word)
    try:
        return date(*map(int, parts.groups())) if parts else None
    except ValueError:
        return None


def _date_ways(day: date) -> Iterator[str]:
    """Year, month and day in the usual orders, the month as a number or by its name."""
    year, month, number = f"{day.year}", f"0?{day.month}", f"0?{day.day}"
    name = MONTHS.split()[day.month - 1]
    named = rf"{name[:3]}(?:{name[3:]})?\.?"
    sign = r"[-./_ ]"
    yield f"{day:%Y%m%d}"
    yield f"{day:%d%m%Y}"
    yield rf"{year}{sign}{month}{sign}{number}"
    yield rf"{number}{sign}{{1,2}}{month}{sign}{{1,2}}{year}"
    yield rf"{month}{sign}{number}{sign}{year}"
    yield rf"{number}{sign}{{0,2}}{named}{sign}{{0,2}}{year}"
    yield rf"{named} {number}(?:st|nd|rd|th)?,? {year}"
