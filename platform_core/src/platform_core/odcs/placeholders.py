"""Placeholders: the values of an inferred contract that only people can decide, marked with ``DECIDE``.

A contract with placeholders is refused with one diagnostic that lists all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from platform_core.diagnostics import Diagnostic, Place, shown
from platform_core.source.document import Document
from platform_core.words import listed

MARK: Final = "DECIDE"

_ASKED: Final = (
    (("id",), "the product and its domain"),
    (("team", "name"), "the team of governance/teams.yaml that owns it"),
    (("description", "purpose"), "its content and purpose (description.purpose)"),
    (("description", "usage"), "how consumers must read it (description.usage)"),
    (("description", "limitations"), "its limitations (description.limitations)"),
    (("roles",), "the principals that may read it (roles; [] for its own domain alone)"),
    (("slaProperties",), "its freshness, and how long versions are kept (slaProperties)"),
    (("schema", "dataGranularityDescription"), "the meaning of one row (dataGranularityDescription)"),
    (("properties", "name"), "the names of the columns"),
    (("properties", "classification"), "classification: public, internal, confidential or restricted"),
    (("properties", "description"), "its meaning (description)"),
)
"""The decisions in the best order for a person, by a part of the pointer."""


def marked(value: object) -> bool:
    """Whether a value is a placeholder."""
    return isinstance(value, str) and (value == MARK or value.startswith((f"{MARK} ", f"{MARK}:")))


def undecided(document: Document) -> tuple[Diagnostic, ...]:
    """One C120 that lists all placeholders with their lines; nothing where there are none."""
    if MARK not in document.text:
        return ()
    marks = [pointer for pointer, value in _values(document.data, ()) if marked(value)]
    if not marks:
        return ()
    place = document.place(*marks[0])
    name = document.data.get("id")
    what = str(name) if isinstance(name, str) and not marked(name) else "the product"
    count = f"{len(marks)} decisions" if len(marks) > 1 else "one decision"
    lines = [f"{shown(at.path)}:{at.line}: {words}" for at, words in questions(document, marks)]
    message, fix = (
        f"{what} needs {count} by a person",
        f"Replace each {MARK} with your decision, or remove it.",
    )
    return (Diagnostic("C120", message, place, "\n".join(lines), fix),)


def questions(document: Document, marks: list[tuple[str | int, ...]]) -> list[tuple[Place, str]]:
    """The decisions in the best order for a person; the same decision on several columns is one entry."""
    grouped: dict[int, list[tuple[str | int, ...]]] = {}
    for pointer in marks:
        grouped.setdefault(_question(pointer), []).append(pointer)
    found = []
    for question in sorted(grouped):
        pointers = grouped[question]
        place = document.place(*pointers[0])
        if question == len(_ASKED):
            found += [(document.place(*at), f"decide {'.'.join(map(str, at))}") for at in pointers]
        elif "properties" in pointers[0]:
            names = [str(document.at(*at[: at.index("properties") + 2], "name")) for at in pointers]
            of = listed(names, 6) + (" columns" if len(names) > 6 else "")
            found.append((place, f"decide for {of}: {_ASKED[question][1]}"))
        else:
            found.append((place, f"decide {_ASKED[question][1]}"))
    return found


def _question(pointer: tuple[str | int, ...]) -> int:
    words = tuple(part for part in pointer if isinstance(part, str))
    for number, (part, _) in enumerate(_ASKED):
        size = len(part)
        if part[0] == "properties":
            if words[-size:] == part:
                return number
        elif words[:size] == part or (words[:1] == ("schema",) and words == part):
            return number
    return len(_ASKED)


def _values(value: Any, pointer: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _values(inner, (*pointer, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _values(inner, (*pointer, index))
    else:
        yield pointer, value
