"""The kind of a product, from the ``physicalType`` of its schema object, and its file."""

from __future__ import annotations

import re
from pathlib import Path

from platform_core.contracts.model import KINDS, Kind, Rule
from platform_core.source.cursor import Node
from platform_core.words import did_you_mean, listed

EXTRACTS = (".csv", ".parquet")
ARTIFACT = ".skops"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def read_kind(table: Node) -> Kind:
    """The kind, by default ``table``. C100: an unknown kind."""
    word = table.text("physicalType")
    if word is None:
        return "table"
    for kind in KINDS:
        if word == kind:
            return kind
    close = did_you_mean(word.strip().lower(), KINDS)
    fix = close or "Remove physicalType."
    table["physicalType"].error("C100", f'unknown kind of product "{word}"', listed(KINDS), fix)
    return "table"


def read_file_name(table: Node, kind: Kind, name: str) -> str | None:
    """The stable name of the file that a product keeps with its table; None for a product without one.

    Faults: C101 an extract without a name, C102 an unusable name, C103 an unsupported format.
    """
    if kind not in ("file", "model"):
        return None
    formats = EXTRACTS if kind == "file" else (ARTIFACT,)
    default = f"{name}{formats[0]}"
    declared, at = table.text("physicalName"), table["physicalName"]
    if declared is None:
        if kind == "file":
            table["physicalType"].error(
                "C101",
                f"the file of {name} has no name",
                "physicalName: the stable name of the file, with the suffix of its format",
                f"Add physicalName: {default}.",
            )
        return default
    if not _FILE_NAME.fullmatch(declared):
        expected = "letters, digits, _, - and dots, without folders"
        at.error("C102", f'"{declared}" is not a file name', expected, f"Write physicalName: {default}.")
        return default
    suffix = Path(declared).suffix
    if suffix not in formats:
        message = f'"{declared}" does not have a format of a {kind}'
        fix = did_you_mean(suffix.lower(), formats) or f"Write physicalName: {default}."
        at.error("C103", message, f"a name that ends with {' or '.join(formats)}", fix)
        return default
    return declared


def file_rule(table: Node, kind: Kind, file_name: str | None) -> tuple[Rule, ...]:
    """The check that the file holds the published rows or model."""
    if file_name is None:
        return ()
    place = table.place("physicalName" if table.get("physicalName") is not None else "physicalType")
    name, words = "file_equals_version", f"{file_name} has the rows, columns and types of the version."
    if kind == "model":
        name, words = "artifact_reads_back", f"{file_name} holds the model that was trained."
    return (Rule(name, "file", place, description=words),)
