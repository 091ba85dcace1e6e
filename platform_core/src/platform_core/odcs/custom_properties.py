"""The platform's own ``customProperties``: their names, places and values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from platform_core.source.cursor import Node
from platform_core.words import did_you_mean, listed

VENDOR = "platform-core"
_SCOPE: Final = "`product` checks all rows, `partition` those of the run."
_SEVERITY: Final = "`error` refuses a version that breaks it, `warning` publishes it with a warning."


class Level(Enum):
    """The parts of a contract with custom properties, and the platform's properties in each."""

    CONTRACT = (
        "the contract",
        {
            "successor": "The product to which the readers of this one move, as `<domain>/<product>`.",
            "serviceLevelTarget": "The percentage of the promised deliveries to keep; 95 by default.",
            "budget": "The most that its runs may cost in a month: `seconds`, and `bytes` that they read.",
        },
    )
    TABLE = (
        "a schema object",
        {
            "partitions": "The time that one partition covers: `every`, `start`, `end`, `timezone`.",
            "model": "The signature of a model product: its target, metric, margin and features.",
            "maskedAs": "The name of the masked twin that the platform publishes for other domains.",
            "suppress": "The rows that the masked twin leaves out because too few share their values.",
            "eventTime": "The column with the time of an event. It makes the product a stream.",
            "disclosure": "Why the groups of people may be shown, and the least size of a group.",
            "safeTogether": "Products that identify nobody when one is subtracted from the other.",
        },
    )
    COLUMN = (
        "a column",
        {
            "mask": "How the masked twin shows the column.",
            "specialFloats": "`allowed` lets NaN and the infinities pass the limits of the column.",
            "notPersonal": "Why a column that looks personal is not.",
        },
    )
    QUALITY = ("a quality rule", {"scope": _SCOPE})
    RELATIONSHIP = ("a relationship", {"severity": _SEVERITY, "scope": _SCOPE})
    SLA = (
        "an SLA property",
        {
            "timezone": "The time zone of the schedule.",
            "warnAfter": "The age from which the product is about to be too old.",
            "severity": _SEVERITY,
            "scope": _SCOPE,
        },
    )

    def __init__(self, noun: str, known: Mapping[str, str]) -> None:
        self.noun = noun
        self.known = known
        """Each property with its meaning, in Markdown."""


_LEVELS: Final = {name: level for level in Level for name in level.known}


def check_properties(node: Node, level: Level) -> None:
    """Report platform properties, by vendor or name, at a wrong place (C030) or repeated (C031)."""
    seen: set[str] = set()
    for entry in node.items("customProperties"):
        name, vendor = str(entry.get("property")), entry.get("vendor")
        if vendor not in (None, VENDOR):
            continue
        if name in level.known:
            if name in seen:
                entry["property"].error("C031", f'duplicate property "{name}"', "every property once")
            seen.add(name)
            continue
        close = did_you_mean(name, level.known)
        other = _LEVELS.get(name)
        if vendor is None and other is None and not close:
            continue
        expected = (
            f"one of {listed(tuple(level.known))}" if level.known else f"no platform property on {level.noun}"
        )
        fix = close or (
            f"Move it to {other.noun}." if other is not None else "Remove it, or name its own vendor."
        )
        message = f'the platform has no property "{name}" on {level.noun}'
        # With the platform as vendor, the property is an error in guest documents too.
        ours = vendor == VENDOR
        node.faults.error("C030", message, entry.place("property"), expected, fix, always=ours)


def find_property(node: Node, name: str) -> Node | None:
    """The value of a platform property; None where it is not declared."""
    for entry in node.items("customProperties"):
        if entry.get("property") == name and entry.get("vendor") in (None, VENDOR):
            return entry["value"]
    return None


def text_property(node: Node, name: str, words: tuple[str, ...] = ()) -> Node | None:
    """A text property, one of ``words`` where they are given (C031)."""
    found = find_property(node, name)
    if found is None:
        return None
    value = found.value
    if not isinstance(value, str) or not value.strip() or (words and value not in words):
        message = f"{name} is {value!r}".replace("'", '"')
        found.error("C031", message, None if words else "text", known=words)
        return None
    return found
