"""What kind of thing a product is, by the ``physicalType`` of its schema object, and the file it keeps."""

from __future__ import annotations

import re

from platform_core.contracts.model import KINDS, Kind, Rule
from platform_core.source.cursor import Node
from platform_core.words import did_you_mean, listed

EXTRACTS = (".csv", ".parquet")
ARTIFACT = ".skops"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def read_kind(table: Node) -> Kind:
    """The kind, ``table`` where none is said. C100: a word that names none of ours."""
    word = table.text("physicalType")
    if word is None:
        return "table"
    for kind in KINDS:
        if word == kind:
            return kind
    close = did_you_mean(word.strip().lower(), KINDS)
    fix = close or "Remove physicalType: a product is a table, however it is made."
    table["physicalType"].error("C100", f'"{word}" is no kind of product', listed(KINDS), fix)
    return "table"


def read_file_name(table: Node, kind: Kind, name: str) -> str | None:
    """The stable name of the file that a product keeps beside its table; None for one that keeps none.

    Faults: C101 an extract without a name, C102 a name that is none, C103 a format that is not written.
    """
    if kind not in ("file", "model"):
        return None
    formats = EXTRACTS if kind == "file" else (ARTIFACT,)
    default = f"{name}{formats[0]}"
    said, at = table.text("physicalName"), table["physicalName"]
    if said is None:
        if kind == "file":
            table["physicalType"].error(
                "C101",
                f"the file of {name} has no name",
                "physicalName: the stable name of the file, which also tells its format",
                f"Add physicalName: {default}.",
            )
        return default
    if not _FILE_NAME.fullmatch(said):
        expected = "letters, digits, _, - and dots, without folders"
        at.error("C102", f'"{said}" is no name of a file', expected, f"Write physicalName: {default}.")
        return default
    suffix = said[said.rfind(".") :] if "." in said else ""
    if suffix not in formats:
        message = f'"{said}" is of no format that is written for a {kind}'
        fix = did_you_mean(suffix.lower(), formats) or f"Write physicalName: {default}."
        at.error("C103", message, f"a name that ends with {' or '.join(formats)}", fix)
        return default
    return said


def file_rule(table: Node, kind: Kind, file_name: str | None) -> tuple[Rule, ...]:
    """The check that what was kept in the file is what was published."""
    if file_name is None:
        return ()
    place = table.place("physicalName" if table.get("physicalName") is not None else "physicalType")
    if kind == "model":
        words = f"Read back from {file_name}, the model is the one that was trained."
        return (Rule("artifact_reads_back", "file", place, description=words),)
    words = f"Read back, {file_name} has the rows, columns and types of the version."
    return (Rule("file_equals_version", "file", place, description=words),)
