"""Changes of a product's columns: their presence and order, types, constraints, protection and masks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from platform_core.compatibility.change import Change
from platform_core.contracts.model import Column, DataProduct, place_in
from platform_core.diagnostics import Place
from platform_core.odcs.columns import CATEGORIES, CLASSIFICATIONS
from platform_core.sql.types import duckdb_type, family
from platform_core.words import listed

_BITS: Final = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
_INTEGER: Final = re.compile(f"(U?)({'|'.join(_BITS)})")
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_UNDECLARED: Final = CLASSIFICATIONS.index("internal")
"""The rank of a column without a classification."""


def column_changes(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    """The changes of all columns and of the key."""
    kept = [column.name for column in new.columns if old.column(column.name)]
    schema = place_in(new, "/schema")
    for before in old.columns:
        after = new.column(before.name)
        if after is None:
            yield Change("K101", f'the column "{before.name}" is removed', schema, (before.name,))
        elif remasked(old, before, after):
            message = f'the masked twin shows "{before.name}" by another mask, or by none'
            yield Change("K116", message, after.place, (before.name,))
        else:
            yield from _column(old, new, before, after)
    for after in new.columns:
        if after.name not in kept:
            yield Change("K301", f'the column "{after.name}" is added', after.place, (after.name,))
    moved = kept != [column.name for column in old.columns if column.name in kept]
    if new.kind == "file" and (moved or kept != [column.name for column in new.columns][: len(kept)]):
        yield Change("K207", "the columns of the file stand in another order", schema)
    elif moved:
        yield Change("K407", "the columns stand in another order", schema)
    if old.key != new.key:
        message = f"the key was {listed(old.key) or 'none'} and is {listed(new.key) or 'none'}"
        yield Change("K105" if old.key else "K305", message, schema)


def remasked(product: DataProduct, before: Column, after: Column) -> bool:
    """Whether a column of a masked twin has another mask. A parent's own rows do not depend on masks."""
    nowhere = Place(Path())
    one, two = (column.mask and replace(column.mask, place=nowhere) for column in (before, after))
    return product.twin_of is not None and one != two


def type_code(old: Column, new: Column) -> str | None:
    """The code of a changed type; None where both spell the same one."""
    before, after = duckdb_type(old), duckdb_type(new)
    if (old.logical_type, old.physical_type) == (new.logical_type, new.physical_type):
        return None
    was_open, is_open = old.physical_type is None, new.physical_type is None
    if before == after and (was_open or not is_open):
        return "K402"
    # An open type promises its family alone: a pinned one is inside of it, but may not be the published one.
    if was_open != is_open and family(before) == family(after) is not None:
        return "K202"
    return "K202" if widens(before, after) else "K102"


def widens(old: str, new: str) -> bool:
    """Whether a DuckDB type holds all values of another one unchanged: a wider integer, or a DECIMAL with
    more digits and as many decimal places."""
    one, two = _INTEGER.fullmatch(old), _INTEGER.fullmatch(new)
    if one and two:
        return _BITS[one[2]] < _BITS[two[2]] and (one[1] == two[1] or not two[1])
    one, two = _DECIMAL.fullmatch(old), _DECIMAL.fullmatch(new)
    return bool(one and two) and one[2] == two[2] and int(one[1]) < int(two[1])  # type: ignore[index]


def _column(old: DataProduct, new: DataProduct, before: Column, after: Column) -> Iterator[Change]:
    codes: list[tuple[str, str]] = []
    if (code := type_code(before, after)) is not None:
        one, two = (duckdb_type(c) + ("" if c.physical_type else " (open)") for c in (before, after))
        codes.append((code, f"was {one} and is {two}"))
    if before.required != after.required:
        codes.append(("K303", "is now required") if after.required else ("K103", "may now be missing"))
    sole_key = [product.key == (before.name,) for product in (old, new)]
    if before.unique and not (after.unique or sole_key[1]):
        codes.append(("K104", "is not unique any more"))
    if after.unique and not (before.unique or sole_key[0]):
        codes.append(("K304", "is now unique"))
    if before.classification != after.classification:
        code = "K230" if _rank(after) > _rank(before) else "K330"
        codes.append((code, f"was {before.classification or 'open'} and is {after.classification or 'open'}"))
    for tag in sorted(set(CATEGORIES) & (set(before.tags) ^ set(after.tags))):
        codes.append(("K231", f"is now {tag}") if tag in after.tags else ("K331", f"is not {tag}"))
    if (set(before.tags) ^ set(after.tags)) - set(CATEGORIES):
        codes.append(("K442", "has other tags"))
    if (before.description, before.not_personal) != (after.description, after.not_personal):
        codes.append(("K441", "is described in other words"))
    if before.deprecated != after.deprecated:
        codes.append(("K341", f"is {'now' if after.deprecated else 'not'} deprecated"))
    for code, words in codes:
        yield Change(code, f'"{before.name}" {words}', after.place, (before.name,))


def _rank(column: Column) -> int:
    word = column.classification
    return CLASSIFICATIONS.index(word) if word in CLASSIFICATIONS else _UNDECLARED
