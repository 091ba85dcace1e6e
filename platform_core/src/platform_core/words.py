"""Texts in messages: lists, counts, durations, slugs and suggestions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Final
from unicodedata import combining, normalize

_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_LONG: Final = 100
"""From this many on, a larger unit is used as well."""


def did_you_mean(word: str, known: Iterable[str], nearness: float = 0.6) -> str | None:
    """``did you mean "x"?``, or None where no word is close (``nearness`` from 0 to 1)."""
    close = get_close_matches(word, list(known), n=1, cutoff=nearness)
    return f'did you mean "{close[0]}"?' if close else None


def listed(words: Sequence[str], limit: int = 12) -> str:
    """A comma-separated list of at most ``limit`` words."""
    more = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {more} more" if more > 0 else "")


def shortened(text: str, width: int) -> str:
    """A text of at most ``width`` letters."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def counted(number: int, noun: str) -> str:
    """A number with its noun, whose plural ends in s: ``1 product``, ``1,469 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def slug(text: str, separator: str) -> str:
    """Lower-case ASCII letters and digits with separators: ``Sales Analytics`` is ``sales-analytics``."""
    return re.sub(r"[^a-z0-9]+", separator, text.lower()).strip(separator) or "unnamed"


@lru_cache(maxsize=256)
def snake(words: str) -> str:
    """An ASCII name that SQL and Python accept without quotes: ``Größe in m`` is ``grosse_in_m``; may be
    empty."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words)
    letters = "".join(c for c in normalize("NFKD", apart.casefold()) if not combining(c))
    text = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
    return f"column_{text}" if text[:1].isdigit() else text


def is_address(text: str) -> bool:
    """Whether Dagster accepts the text as the e-mail address of an owner."""
    return bool(re.fullmatch(r"\w[\w.%+-]*@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", text, re.ASCII))


def duration_in_words(span: timedelta) -> str:
    """A span of time, exact to the second: ``26 hours``, ``90 minutes``, ``1 day 30 minutes``."""
    seconds = int(span.total_seconds())
    for size, unit in _UNITS:
        if seconds and seconds % size == 0 and (seconds < _LONG * size or unit == "day"):
            return counted(seconds // size, unit)
    parts = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(counted(count, unit))
    return " ".join(parts) or f"{span.total_seconds():g} seconds"


def age_in_words(moment: datetime) -> str:
    """How long ago a moment was, in one unit, rounded down: ``5 minutes``, ``3 hours``, ``12 days``."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, unit in _UNITS[:-1]:
        if seconds >= size:
            return counted(seconds // size, unit)
    return "moments"
