"""Schema properties as columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platform_core.contracts.faults import Faults
from platform_core.contracts.masks import read_mask
from platform_core.contracts.model import Column
from platform_core.contracts.properties import Level, check_properties
from platform_core.source.document import Document
from platform_core.sql.quoting import fold
from platform_core.sql.types import NAMES, BadType, canonical_type
from platform_core.words import did_you_mean

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaObject, SchemaProperty

CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
CATEGORIES = ("personal", "pseudonymous")
# A slip in a word that protects people must not pass as some other word: near is an error.
_NEAR = 0.8


def read_columns(
    document: Document, table: SchemaObject | None, index: int | None, faults: Faults
) -> tuple[Column, ...]:
    """The table's columns in their order. Faults: C040 twice, C041 primary key, C043 sensitivity."""
    if table is None:
        return ()
    columns: list[Column] = []
    seen: dict[str, str] = {}
    for number, item in enumerate(table.properties or []):
        where = ("schema", index or 0, "properties", number)
        name = item.name or ""
        place = document.place(*where, "name")
        if not name.strip():
            faults.error("C040", "a column without a name", place, expected="name: <column>")
        elif fold(name) in seen:
            faults.error(
                "C040",
                f'the column "{name}" is described twice',
                place,
                expected="every column once (SQL does not tell case apart)",
                fix="Keep one of the two.",
            )
        seen[fold(name)] = name
        if item.physicalName is not None and item.physicalName != name:
            faults.error(
                "C020",
                f'physicalName is "{item.physicalName}", but the column is named "{name}"',
                document.place(*where, "physicalName"),
                fix="Remove physicalName, or write that name as the column's name.",
            )
        check_properties(document, where, Level.COLUMN, faults)
        columns.append(
            Column(
                name=name,
                place=place,
                logical_type=item.logicalType,
                physical_type=read_type(document, (*where, "physicalType"), item.physicalType, faults),
                description=item.description or "",
                required=bool(item.required) or bool(item.primaryKey),
                unique=bool(item.unique),
                classification=_classification(document, where, item, faults),
                tags=_tags(document, where, item, faults),
            )
        )
    here = ("schema", index or 0, "properties")
    keyed = _with_key(document, table, index or 0, columns, faults)
    return tuple(
        replace(column, mask=read_mask(document, (*here, number), column, faults))
        for number, column in enumerate(keyed)
    )


def _with_key(
    document: Document, table: SchemaObject, index: int, columns: list[Column], faults: Faults
) -> tuple[Column, ...]:
    """Key positions from 1 without gaps; a key of one column needs none."""
    items = table.properties or []
    keyed = [number for number, item in enumerate(items) if item.primaryKey]
    positions: dict[int, int] = {}
    for number, item in enumerate(items):
        position = item.primaryKeyPosition
        where = ("schema", index, "properties", number)
        place = document.place(*where, "primaryKeyPosition")
        if not item.primaryKey:
            if position is not None and position != -1:
                faults.error(
                    "C041",
                    f'"{item.name}" has a position in the primary key but is not in it',
                    place,
                    expected="primaryKey: true beside primaryKeyPosition",
                    fix="Add primaryKey: true, or remove primaryKeyPosition.",
                )
            continue
        if item.required is False:
            faults.error(
                "C041",
                f'"{item.name}" is in the primary key and not required',
                document.place(*where, "required"),
                expected="a key without missing values",
                fix="Remove required: a key column always is.",
            )
        if position in (None, -1):
            if len(keyed) > 1:
                faults.error(
                    "C041",
                    f'"{item.name}" has no position in a primary key of {len(keyed)} columns',
                    document.key_place(*where, "primaryKey"),
                    expected=f"primaryKeyPosition from 1 to {len(keyed)}",
                    fix=f"Add primaryKeyPosition: {keyed.index(number) + 1}.",
                )
            positions[number] = keyed.index(number) + 1
        else:
            taken = [other for other, at in positions.items() if at == position]
            if taken or not 1 <= (position or 0) <= len(keyed):
                why = f'is taken by "{items[taken[0]].name}"' if taken else "leaves a gap"
                faults.error(
                    "C041",
                    f'position {position} of "{item.name}" in the primary key {why}',
                    place,
                    expected=f"each of 1 to {len(keyed)} once",
                )
            positions[number] = position or 1
    return tuple(replace(column, key_position=positions.get(n)) for n, column in enumerate(columns))


def _classification(
    document: Document, where: tuple[str | int, ...], item: SchemaProperty, faults: Faults
) -> str | None:
    said = item.classification
    if said is None:
        return None
    word = said.strip().lower()
    if word not in CLASSIFICATIONS and (close := did_you_mean(word, CLASSIFICATIONS, _NEAR)):
        faults.error(
            "C043",
            f'"{said}" is no sensitivity',
            document.place(*where, "classification"),
            expected="public, internal, confidential or restricted",
            fix=close,
        )
    return word if word in CLASSIFICATIONS else said


def _tags(
    document: Document, where: tuple[str | int, ...], item: SchemaProperty, faults: Faults
) -> tuple[str, ...]:
    tags = []
    for number, tag in enumerate(item.tags or []):
        word = tag.strip().lower()
        if word not in CATEGORIES and (close := did_you_mean(word, CATEGORIES, _NEAR)):
            faults.error(
                "C043",
                f'"{tag}" is no category of data',
                document.place(*where, "tags", number),
                expected="personal or pseudonymous",
                fix=close,
            )
        tags.append(word if word in CATEGORIES else tag)
    return tuple(dict.fromkeys(tags))


def read_type(
    document: Document, where: tuple[str | int, ...], text: str | None, faults: Faults
) -> str | None:
    """A type in DuckDB's words, made canonical; None where the contract names none. C042: it is no type."""
    if not text:
        return None
    try:
        return canonical_type(text)
    except BadType as error:
        faults.error(
            "C042",
            f'"{text}" is not a type: {error}',
            document.place(*where),
            expected="a type of DuckDB, such as BIGINT, DECIMAL(18,2), TIMESTAMP or VARCHAR[]",
            fix=did_you_mean(error.unknown, NAMES),
        )
    return None
