"""The platform's own ``customProperties``: which there are, where, and what they may say."""

from __future__ import annotations

from enum import Enum
from typing import Final

from platform_core.source.cursor import Node
from platform_core.words import did_you_mean, listed

VENDOR = "platform-core"


class Level(Enum):
    """The places of a contract that take custom properties, with those that mean something there."""

    CONTRACT = ("the contract", ())
    TABLE = (
        "a schema object",
        ("partitions", "model", "maskedAs", "suppress", "eventTime", "disclosure", "safeTogether"),
    )
    COLUMN = ("a column", ("mask", "specialFloats", "notPersonal"))
    QUALITY = ("a quality rule", ("scope",))
    RELATIONSHIP = ("a relationship", ("severity", "scope"))
    SLA = ("an SLA property", ("timezone", "warnAfter", "severity", "scope"))

    def __init__(self, noun: str, known: tuple[str, ...]) -> None:
        self.noun = noun
        self.known = known


_LEVELS: Final = {name: level for level in Level for name in level.known}


def check_properties(node: Node, level: Level) -> None:
    """Report properties that are ours by vendor or by name and mean nothing here (C030), or twice (C031)."""
    seen: set[str] = set()
    for entry in node.items("customProperties"):
        name, vendor = str(entry.get("property")), entry.get("vendor")
        if vendor not in (None, VENDOR):
            continue
        if name in level.known:
            if name in seen:
                entry["property"].error("C031", f'"{name}" is said twice', "every property once")
            seen.add(name)
            continue
        close = did_you_mean(name, level.known)
        other = _LEVELS.get(name)
        if vendor is None and other is None and not close:
            continue
        expected = f"one of {listed(level.known)}" if level.known else f"none of ours on {level.noun}"
        fix = close or (
            f"Move it to {other.noun}." if other is not None else "Remove it, or name its own vendor."
        )
        message = f'"{name}" means nothing to the platform on {level.noun}'
        # Who names the platform as its vendor speaks to it, whatever the document is.
        ours = vendor == VENDOR
        node.faults.error("C030", message, entry.place("property"), expected, fix, always=ours)


def find_property(node: Node, name: str) -> Node | None:
    """The value of one of our properties; None where it is not said."""
    for entry in node.items("customProperties"):
        if entry.get("property") == name and entry.get("vendor") in (None, VENDOR):
            return entry["value"]
    return None


def text_property(node: Node, name: str, words: tuple[str, ...] = ()) -> Node | None:
    """A property of text, one of ``words`` where they are given (C031)."""
    said = find_property(node, name)
    if said is None:
        return None
    value = said.value
    if not isinstance(value, str) or not value.strip() or (words and value not in words):
        message = f"{name} is {value!r}".replace("'", '"')
        said.error("C031", message, None if words else "text", known=words)
        return None
    return said
