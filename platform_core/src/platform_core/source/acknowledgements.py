"""Acknowledgements of breaking changes: ``governance/changes/<domain>/<product>@<version>.yaml``, a file for
each version of a contract that breaks its readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from platform_core.diagnostics import Diagnostic, Place
from platform_core.source.cursor import open_leniently
from platform_core.source.federation import GOVERNANCE

_KEYS = ("product", "version", "acknowledged")
_ENTRY = ("reader", "by", "until")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A reader's consent to a break: ``by`` is the address of a representative of its domain, ``until`` the
    last day on which it may still read as before. Empty ones were not given yet."""

    by: str
    until: date | None
    place: Place


@dataclass(frozen=True)
class Acknowledgements:
    """The consents by reader. ``path`` is where they belong."""

    path: Path = field(default_factory=Path)
    given: Mapping[str, Acknowledgement] = field(default_factory=dict)
    exists: bool = False
    faults: tuple[Diagnostic, ...] = ()


def acknowledgements(root: Path, product: str, version: str) -> Acknowledgements:
    """The acknowledgements of a version of a product. Faults: G406 for a file that cannot be read, or that is
    about another product or version."""
    path = root / "governance" / "changes" / f"{product}@{version}.yaml"
    if not path.exists():
        return Acknowledgements(path)
    file = open_leniently(path, GOVERNANCE)
    file.has_only(_KEYS, "C010", path.name)
    for key, wanted in (("product", product), ("version", version)):
        if file.faults.readable and (found := file.text(key)) != wanted:
            file[key].error("C010", f'the {key} is "{found}"', f"{key}: {wanted}, as in the name of the file")
    given = {}
    for entry in file.items("acknowledged"):
        entry.has_only(_ENTRY, "C010", path.name)
        until = entry.get("until")
        try:
            day = date.fromisoformat(str(until)) if until is not None else None
        except ValueError:
            day = None
            entry["until"].error("C010", f'"{until}" is not a date', "a date as 2026-12-31")
        reader = entry.text("reader")
        if reader:
            given[reader] = Acknowledgement(entry.text("by") or "", day, entry.place("reader"))
    return Acknowledgements(path, given, True, tuple(file.faults.errors))


def draft(product: str, version: str, readers: Iterable[tuple[str, Iterable[str]]]) -> str:
    """The text of a file with each reader and the addresses of which one acknowledges."""
    lines = [
        "# Each reader whose columns this version breaks. A representative of its domain writes its address",
        "# and the last day on which the reader may still read as before.",
        f"product: {product}",
        f'version: "{version}"',
        "acknowledged:",
    ]
    for reader, addresses in readers:
        speakers = " or ".join(addresses) or "a representative of its domain, whom governance/mesh.yaml names"
        lines += [f"  - reader: {reader}", f"    by:  # {speakers}", "    until:  # 2027-03-31"]
    return "\n".join(lines) + "\n"
