"""What may leave a DICOM header: closed or cleaned words about the machine, and of people nothing (`core.keys`)."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from cmrbridge.data.dicom.header import Malformed, number, text

NAMING = ("PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "OtherPatientNames", "AccessionNumber")
SHORTEST = 3  # letters of a name's part that is struck out
VENDORS = {
    "siemens": "Siemens",
    "philips": "Philips",
    "ge": "GE",
    "general": "GE",
    "canon": "Canon",
    "toshiba": "Canon",
}
TESLA = (0.05, 12.0)
LONGEST = 40


@dataclass(frozen=True)
class Machine:
    """vendor: of VENDORS or ""; scanner, centre: cleaned words or ""; field_strength_t: tesla, NaN when unknown."""

    vendor: str
    scanner: str
    centre: str
    field_strength_t: float


def naming_words(dataset: Dataset) -> frozenset[str]:
    """Parts of names, identifiers and dates of birth, lower case; what cannot be decoded has no parts."""
    found: set[str] = set()
    for keyword in NAMING:
        try:
            found |= {part.lower() for part in re.split(r"[^\w]+|_", text(dataset, keyword)) if len(part) >= SHORTEST}
        except Malformed:
            continue
    return frozenset(found)


def struck_out(message: str, words: Iterable[str]) -> str:
    """``message`` with every part of a person's name or number replaced, whole or inside a longer word."""
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(pattern, "***", message, flags=re.IGNORECASE) if pattern else message


def machine_of(dataset: Dataset) -> Machine:
    """Vendor, scanner, centre and field strength, or "" and NaN where the header does not tell."""
    words = naming_words(dataset)
    maker = re.split(r"[^a-z]+", _text(dataset, "Manufacturer").lower())
    vendor = next((VENDORS[word] for word in maker if word in VENDORS), "")
    return Machine(
        vendor,
        public_text(_text(dataset, "ManufacturerModelName"), words),
        public_text(_text(dataset, "InstitutionName"), words),
        _tesla(dataset),
    )


def public_text(value: str, words: Iterable[str]) -> str:
    """A machine's or a hospital's name: plain letters, no formula, no long number, nothing of the patient's names."""
    clean = " ".join(re.sub(r"[^\w .()/-]", " ", value, flags=re.UNICODE).split())[:LONGEST].strip(" -")
    telling = re.search(r"\d{6}", clean) or any(word in clean.lower() for word in words)
    return "" if telling else clean


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        return text(dataset, keyword)
    except Malformed:
        return ""


def _tesla(dataset: Dataset) -> float:
    try:
        strength = number(dataset, "MagneticFieldStrength") or math.nan
    except Malformed:
        return math.nan
    strength = strength / 10_000 if strength > 100 else strength  # some write gauss
    return strength if TESLA[0] <= strength <= TESLA[1] else math.nan
