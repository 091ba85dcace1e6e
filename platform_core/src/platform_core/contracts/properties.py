"""The platform's own ``customProperties``: which there are, where, and what they may say."""

from __future__ import annotations

from enum import Enum
from typing import Any

from platform_core.contracts.faults import Faults
from platform_core.errors import Place
from platform_core.source.document import Document
from platform_core.words import did_you_mean, listed

VENDOR = "platform-core"

Where = tuple[str | int, ...]


class Level(Enum):
    """The places of a contract that take custom properties, with those that mean something there."""

    CONTRACT = ("the contract", ())
    TABLE = ("a schema object", ("partitions", "model", "maskedAs", "suppress", "eventTime"))
    COLUMN = ("a column", ("mask",))
    QUALITY = ("a quality rule", ("scope",))
    RELATIONSHIP = ("a relationship", ("severity", "scope"))
    SLA = ("an SLA property", ("timezone", "warnAfter", "severity", "scope"))

    @property
    def noun(self) -> str:
        return str(self.value[0])

    @property
    def known(self) -> tuple[str, ...]:
        return tuple(self.value[1])


def check_properties(document: Document, where: Where, level: Level, faults: Faults) -> None:
    """Report properties that are ours by vendor or by name and mean nothing here (C030), or twice (C031)."""
    everywhere = {name: other for other in Level for name in other.known}
    seen: set[str] = set()
    for index, entry in enumerate(document.at(*where, "customProperties") or []):
        name, vendor = str(entry.get("property")), entry.get("vendor")
        place = document.place(*where, "customProperties", index, "property")
        if vendor not in (None, VENDOR):
            continue
        if name in level.known:
            if name in seen:
                faults.error("C031", f'"{name}" is said twice', place, "every property once")
            seen.add(name)
            continue
        close = did_you_mean(name, level.known)
        other = everywhere.get(name)
        if vendor is None and other is None and not close:
            continue
        expected = f"one of {listed(level.known)}" if level.known else f"none of ours on {level.noun}"
        fix = close or (
            f"Move it to {other.noun}." if other is not None else "Remove it, or name its own vendor."
        )
        report = faults.always if vendor == VENDOR else faults.error
        report("C030", f'"{name}" means nothing to the platform on {level.noun}', place, expected, fix)


def find_property(document: Document, where: Where, name: str) -> tuple[Any, Where] | None:
    """The value of one of our properties and its pointer; None where it is not said."""
    for index, entry in enumerate(document.at(*where, "customProperties") or []):
        if entry.get("property") == name and entry.get("vendor") in (None, VENDOR):
            return entry.get("value"), (*where, "customProperties", index, "value")
    return None


def text_property(
    document: Document, where: Where, name: str, faults: Faults, words: tuple[str, ...] = ()
) -> tuple[str, Place] | None:
    """A property of text, one of ``words`` where they are given (C031)."""
    found = find_property(document, where, name)
    if found is None:
        return None
    value, pointer = found
    place = document.place(*pointer)
    if not isinstance(value, str) or not value or (words and value not in words):
        faults.error(
            "C031",
            f"{name} is {value!r}".replace("'", '"'),
            place,
            expected=f"one of {listed(words)}" if words else "text",
            fix=did_you_mean(value, words) if isinstance(value, str) else None,
        )
        return None
    return value, place
