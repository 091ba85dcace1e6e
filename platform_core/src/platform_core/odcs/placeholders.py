"""What only people can say about a product, and the mark that stands in a contract until they said it.

A contract that was inferred holds facts, and ``DECIDE`` wherever a fact does not tell: who owns the
product, what it is for, who may read it. A contract with marks is refused, with all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from platform_core.diagnostics import Diagnostic, Place, shown
from platform_core.source.document import Document
from platform_core.words import listed

MARK: Final = "DECIDE"

_ASKED: Final = (
    (("id",), "which product of which domain it is"),
    (("team", "name"), "which team of governance/teams.yaml owns it"),
    (("description", "purpose"), "what it is and what for (description.purpose)"),
    (("description", "usage"), "how it is to be read (description.usage)"),
    (("description", "limitations"), "what it is not good for (description.limitations)"),
    (("roles",), "who may read it beside its own domain (roles; [] for nobody)"),
    (("slaProperties",), "how fresh it is promised to be, and how long versions are kept (slaProperties)"),
    (("schema", "dataGranularityDescription"), "what one row is (dataGranularityDescription)"),
    (("properties", "name"), "the names of the columns"),
    (("properties", "classification"), "classification: public, internal, confidential or restricted"),
    (("properties", "description"), "what it means (description)"),
)
"""The questions in the order in which they are best answered, by a part of the pointer."""


def marked(value: object) -> bool:
    """Whether a value still waits for a decision."""
    return isinstance(value, str) and (value == MARK or value.startswith((f"{MARK} ", f"{MARK}:")))


def undecided(document: Document) -> tuple[Diagnostic, ...]:
    """One C120 with everything that is to be decided, each with its line; nothing where all is."""
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
    return (
        Diagnostic(
            "C120",
            f"{what} waits for {count}: facts were inferred, these only people can tell",
            place,
            expected="\n".join(lines),
            fix=f"Write what you decide in place of each {MARK}; take out what does not apply.",
        ),
    )


def questions(document: Document, marks: list[tuple[str | int, ...]]) -> list[tuple[Place, str]]:
    """What is to be decided, in the order in which it is best decided; columns are asked about together."""
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
