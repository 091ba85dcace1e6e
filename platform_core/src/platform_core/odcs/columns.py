"""The columns of a contract: ODCS schema properties."""

from __future__ import annotations

from dataclasses import replace

from platform_core.contracts.model import Column
from platform_core.odcs.custom_properties import Level, check_properties, text_property
from platform_core.odcs.masks import read_mask
from platform_core.source.cursor import Node
from platform_core.sql.quoting import fold
from platform_core.sql.types import BadType, canonical_type
from platform_core.words import did_you_mean

CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
CATEGORIES = ("personal", "pseudonymous")
# A misspelled protection must not pass as another word: a near word is an error.
_NEAR = 0.8


def read_columns(table: Node, domain: str) -> tuple[Column, ...]:
    """The table's columns in their order. Faults: C040 name, C041 key, C042 type, C043 sensitivity."""
    items = table.items("properties")
    columns: list[Column] = []
    seen: dict[str, int] = {}
    for item in items:
        name = item.text("name") or ""
        if not name.strip() or "\0" in name:  # SQL has no such name
            item["name"].error("C040", "a column has no name", "name: <column>")
        elif fold(name) in seen:
            message = f'duplicate column "{name}"'
            expected = f"unique names (SQL ignores case); line {seen[fold(name)]} has the same"
            item["name"].error("C040", message, expected, "Remove one of the two.")
        seen.setdefault(fold(name), item.place("name").line)
        physical = item.text("physicalName")
        if physical is not None and physical != name:
            message = f'physicalName is "{physical}", but the column is named "{name}"'
            fix = "Remove physicalName, or use it as the column's name."
            item["physicalName"].error("C020", message, fix=fix)
        check_properties(item, Level.COLUMN)
        tags = _tags(item)
        columns.append(
            Column(
                name=name,
                place=item.place("name"),
                logical_type=item.text("logicalType"),
                physical_type=read_type(item["physicalType"]),
                description=item.text("description") or "",
                required=item.get("required") is True or item.get("primaryKey") is True,
                unique=item.get("unique") is True,
                classification=_classification(item),
                tags=tags,
                not_personal=_not_personal(item, tags),
                deprecated=item.get("deprecated") is True,
            )
        )
    positions = _key_positions(items)
    for number, position in positions.items():
        columns[number] = replace(columns[number], key_position=position)
    masks = [read_mask(item, column, domain) for item, column in zip(items, columns, strict=True)]
    return tuple(replace(c, mask=mask) if mask else c for c, mask in zip(columns, masks, strict=True))


def _key_positions(items: list[Node]) -> dict[int, int]:
    """Key positions, from 1 without gaps, by the index of the column; a key of one column may omit it."""
    keyed = [number for number, item in enumerate(items) if item.get("primaryKey") is True]
    positions: dict[int, int] = {}
    for number, item in enumerate(items):
        name, position, at = item.text("name"), item.get("primaryKeyPosition"), item["primaryKeyPosition"]
        if item.get("primaryKey") is not True:
            if position is not None and position != -1:
                at.error(
                    "C041",
                    f'"{name}" has a primaryKeyPosition but is not in the primary key',
                    "primaryKey: true with primaryKeyPosition",
                    "Add primaryKey: true, or remove primaryKeyPosition.",
                )
            continue
        if item.get("required") is False:
            message = f'"{name}" is in the primary key but not required'
            fix = "Remove required: key columns are always required."
            item["required"].error("C041", message, "a key without missing values", fix)
        if position in (None, -1):
            positions[number] = keyed.index(number) + 1
            if len(keyed) > 1:
                item["primaryKey"].error(
                    "C041",
                    f'"{name}" has no position in a primary key of {len(keyed)} columns',
                    f"primaryKeyPosition from 1 to {len(keyed)}",
                    f"Add primaryKeyPosition: {positions[number]}.",
                    at_key=True,
                )
        else:
            taken = [other for other, used in positions.items() if used == position]
            if taken or not 1 <= position <= len(keyed):
                why = f'is taken by "{items[taken[0]].text("name")}"' if taken else "leaves a gap"
                message = f'position {position} of "{name}" in the primary key {why}'
                at.error("C041", message, f"each of 1 to {len(keyed)} once")
            positions[number] = int(position) or 1
    return positions


def _classification(item: Node) -> str | None:
    declared = item.text("classification")
    if declared is None:
        return None
    word = declared.strip().lower()
    if word not in CLASSIFICATIONS and (close := did_you_mean(word, CLASSIFICATIONS, _NEAR)):
        message, expected = f'unknown classification "{declared}"', " or ".join(CLASSIFICATIONS)
        item["classification"].error("C043", message, expected, close)
    return word if word in CLASSIFICATIONS else declared


def _tags(item: Node) -> tuple[str, ...]:
    tags = []
    for number, tag in enumerate(item.texts("tags")):
        word = tag.strip().lower()
        if word not in CATEGORIES and (close := did_you_mean(word, CATEGORIES, _NEAR)):
            message, expected = f'unknown category "{tag}"', "personal or pseudonymous"
            item["tags"][number].error("C043", message, expected, close)
        tags.append(word if word in CATEGORIES else tag)
    return tuple(dict.fromkeys(tags))


def _not_personal(item: Node, tags: tuple[str, ...]) -> str:
    node = text_property(item, "notPersonal")
    if node is None:
        return ""
    if tagged := [tag for tag in tags if tag in CATEGORIES]:
        message = f'"{item.text("name")}" is both tagged {tagged[0]} and notPersonal'
        node.error("C043", message, fix="Remove one of the two.")
    return str(node.value).strip()


def read_type(node: Node) -> str | None:
    """A DuckDB type in canonical form; None where the contract names none. C042: an unknown type."""
    text = node.value
    if not isinstance(text, str) or not text:
        return None
    try:
        return canonical_type(text)
    except BadType as error:
        expected = "a type of DuckDB, such as BIGINT, DECIMAL(18,2), TIMESTAMP or VARCHAR[]"
        node.error("C042", f'"{text}" is not a type: {error}', expected, error.fix)
    return None
