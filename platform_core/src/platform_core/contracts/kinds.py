"""What kind of thing a product is, by the ``physicalType`` of its schema object, and the file it keeps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from platform_core.contracts.faults import Faults
from platform_core.contracts.model import KINDS, Kind, Rule
from platform_core.source.document import Document
from platform_core.words import did_you_mean, listed

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaObject

EXTRACTS = (".csv", ".parquet")
ARTIFACT = ".skops"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def read_kind(document: Document, table: SchemaObject | None, index: int | None, faults: Faults) -> Kind:
    """The kind, ``table`` where none is said. C100: a word that names none of ours."""
    if table is None or index is None or table.physicalType is None:
        return "table"
    word = table.physicalType
    for kind in KINDS:
        if word == kind:
            return kind
    close = did_you_mean(word.strip().lower(), KINDS)
    faults.error(
        "C100",
        f'"{word}" is no kind of product',
        document.place("schema", index, "physicalType"),
        expected=listed(KINDS),
        fix=close or "Remove physicalType: a product is a table, however it is made.",
    )
    return "table"


def read_file_name(
    document: Document, kind: Kind, name: str, index: int | None, faults: Faults
) -> str | None:
    """The stable name of the file that a product keeps beside its table; None for one that keeps none.

    Faults: C101 an extract without a name, C102 a name that is none, C103 a format that is not written.
    """
    if index is None or kind not in ("file", "model"):
        return None
    said = document.at("schema", index, "physicalName")
    place = document.place("schema", index, "physicalName")
    formats = EXTRACTS if kind == "file" else (ARTIFACT,)
    default = f"{name}{formats[0]}"
    if said is None:
        if kind == "file":
            faults.error(
                "C101",
                f"the file of {name} has no name",
                document.place("schema", index, "physicalType"),
                expected="physicalName: the stable name of the file, which also tells its format",
                fix=f"Add physicalName: {default}.",
            )
        return default
    said = str(said)
    if not _FILE_NAME.fullmatch(said):
        faults.error(
            "C102",
            f'"{said}" is no name of a file',
            place,
            expected="letters, digits, _, - and dots, without folders",
            fix=f"Write physicalName: {default}.",
        )
        return default
    suffix = said[said.rfind(".") :] if "." in said else ""
    if suffix not in formats:
        faults.error(
            "C103",
            f'"{said}" is of no format that is written for a {kind}',
            place,
            expected=f"a name that ends with {' or '.join(formats)}",
            fix=did_you_mean(suffix.lower(), formats) or f"Write physicalName: {default}.",
        )
        return default
    return said


def file_rule(document: Document, kind: Kind, file_name: str | None, index: int | None) -> tuple[Rule, ...]:
    """The check that what was kept in the file is what was published."""
    if file_name is None or index is None:
        return ()
    told = "physicalName" if document.at("schema", index, "physicalName") is not None else "physicalType"
    place = document.place("schema", index, told)
    if kind == "model":
        words = f"Read back from {file_name}, the model is the one that was trained."
        return (Rule("artifact_reads_back", "file", place, description=words),)
    words = f"Read back, {file_name} has the rows, columns and types of the version."
    return (Rule("file_equals_version", "file", place, description=words),)
