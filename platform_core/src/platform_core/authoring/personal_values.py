"""Personal content of a column by its values, which are never in a message."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from platform_core.contracts.personal_names import PEOPLE

MOSTLY: Final = 0.8
HALF: Final = 0.5
FEW: Final = 0.01

_WHOLE: Final[tuple[tuple[str, str], ...]] = (
    ("e-mail addresses", r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    ("social security numbers", r"\d{3}-\d{2}-\d{4}"),
    ("IP addresses", r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)"),
    ("IP addresses", r"(?=.*::|(?:[^:]*:){7})[0-9A-Fa-f:]{3,39}(?:%\w+)?"),
    ("MAC addresses", r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"),
    ("phone numbers", r"(?:\+|00)[1-9][\d\s()./-]{6,18}\d|\(?\d{3,5}\)?[\s./-]\d{3,4}[\s./-]?\d{3,6}"),
)
_INSIDE: Final = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_NAME: Final = re.compile(r"(?:\w{1,4}\. )?[A-ZÀ-Þ][\w'’-]+(?: [A-ZÀ-Þ]\.?)?,? [A-ZÀ-Þ][\w'’-]+")
_CARD: Final = re.compile(r"\d(?:[ -]?\d){12,18}")
_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}")

_NUMBERS: Final = ("_id", "_no", "_number", "_key", "_nr", "_code")


def personal_content(values: Sequence[str]) -> str | None:
    """The kind of personal content, ``e-mail addresses``; None for any other values.

    ``values`` are different values from a sample.
    """
    if not values:
        return None
    for what, form in _WHOLE:
        if _share([value.strip() for value in values], re.compile(form).fullmatch) >= MOSTLY:
            return what
    if _share(values, _is_card) >= MOSTLY:
        return "card numbers"
    if _share(values, _is_iban) >= MOSTLY:
        return "IBANs"
    if _share(values, _INSIDE.search) >= FEW:
        return "e-mail addresses within text"
    return None


def looks_like_names(values: Sequence[str]) -> bool:
    """Whether half of the texts are two capitalized words, like names of persons."""
    return bool(values) and _share(values, _NAME.fullmatch) >= HALF


def named_after_people(name: str) -> bool:
    """Whether a text column is likely to name persons: ``manager``, ``created_by``."""
    word = name.lower()
    return word in PEOPLE or word.endswith("_by") or word.removesuffix("_name") in PEOPLE


def stands_for_somebody(name: str) -> bool:
    """Whether a column is likely to identify persons by numbers: ``customer_id``."""
    word = name.lower()
    return any(word == f"{who}{end}" for who in (*PEOPLE, "household") for end in _NUMBERS)


def luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 * (number > 9)
    return total % 10 == 0


def _is_card(value: str) -> bool:
    digits = re.sub(r"[ -]", "", value)
    return _CARD.fullmatch(value) is not None and len(set(digits)) > 1 and luhn(digits)


def _is_iban(value: str) -> bool:
    text = value.replace(" ", "")
    if not _IBAN.fullmatch(value) or len(text) > 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def _share(values: Sequence[str], holds: Callable[[str], object]) -> float:
    return sum(1 for value in values if holds(value)) / len(values)
