"""Masks as SQL: the rows of a masked twin out of its parent's table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import duckdb

from platform_core.contracts.model import Column, DataProduct, Mask, Suppression
from platform_core.masking.keys import Key
from platform_core.odcs.masks import bands
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import duckdb_type

REDACTED: Final = "[redacted]"
"""What a redacted text says, also one that is no longer than the prefix that would be left of it; a redacted
value of another type is NULL."""
HASH: Final = "^[0-9a-f]{32}$"
"""The form of a hash: half of what HMAC-SHA256 yields, as RFC 2104 allows. 128 bits still keep apart more
values than there are, and take half the room of 256."""

_PADS: Final = {"inner": 0x36, "outer": 0x5C}
_BLOCK: Final = 64


def set_keys(connection: duckdb.DuckDBPyConnection, keys: Iterable[Key]) -> None:
    """Gives a connection the keys of its hashes, as variables: no key is ever in the text of a query,
    which plans, logs and messages repeat."""
    for key in keys:
        block = key.secret.ljust(_BLOCK, b"\0")
        for half, pad in _PADS.items():
            value = bytes(byte ^ pad for byte in block)
            connection.execute(f"SET VARIABLE {quoted(_variable(key.name, half))} = ?", [value])


def forget_keys(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Takes them from the connection again, before SQL of somebody runs on it."""
    for name in names:
        for half in _PADS:
            connection.execute(f"RESET VARIABLE {quoted(_variable(name, half))}")


def masked_query(twin: DataProduct, relation: str, suppression: Suppression | None) -> str:
    """The twin's rows, out of the relation of its parent's rows.

    Values repeat: what takes longer than a join is made once of each distinct one, and its rows find it.
    """
    made: list[str] = []
    shown: list[str] = []
    joins: list[str] = []
    for number, column in enumerate(twin.columns):
        name, mask = quoted(column.name), column.mask
        if mask is None:
            shown.append(f"source.{name}")
        elif _is_slow(mask) and not (column.unique or twin.key == (column.name,)):
            words = f"__words_{number}"
            distinct = f"SELECT DISTINCT {name} AS raw FROM {relation}"
            made.append(
                f"{words} AS MATERIALIZED (SELECT raw, {masked('raw', column)} AS word FROM ({distinct}))"
            )
            joins.append(f"LEFT JOIN {words} ON source.{name} = {words}.raw")
            shown.append(f"{words}.word AS {name}")
        else:
            shown.append(f"{masked(f'source.{name}', column)} AS {name}")
    # Not as a CTE of its own: read more than once, it would be kept in memory as a whole.
    query = f"SELECT {', '.join(shown)} FROM (FROM {relation}) AS source {' '.join(joins)}"
    if made:
        query = f"WITH {', '.join(made)} {query}"
    kept = f"SELECT * FROM ({query})"
    if suppression is not None:
        groups = ", ".join(map(quoted, suppression.columns))
        kept += f" QUALIFY count(*) OVER (PARTITION BY {groups}) >= {suppression.minimum:d}"
    # In their own order: in that of its parent's rows, each row would tell which one it was made of.
    return f"{kept} ORDER BY ALL"


def _is_slow(mask: Mask) -> bool:
    return mask.method == "hash" or mask.width is not None or bool(mask.groups)


def masked(value: str, column: Column) -> str:
    """What a twin's column has instead of a value of its parent's; the value itself without a mask.

    NULL stays NULL, but where it is redacted: there everything looks alike.
    """
    mask = column.mask
    if mask is None:
        return value
    if mask.method == "hash":
        return hashed(value, mask)
    if mask.method == "redact":
        return literal(REDACTED) if column.logical_type == "string" else f"NULL::{duckdb_type(column)}"
    return _generalized(value, mask)


def hashed(value: str, mask: Mask) -> str:
    """HMAC-SHA256 of the value's text, in 32 hexadecimal digits; equal values are equal whatever their
    type."""
    inner, outer = (f"getvariable({literal(_variable(mask.key or '', half))})" for half in _PADS)
    return f"left(sha256({outer} || unhex(sha256({inner} || encode(CAST({value} AS VARCHAR))))), 32)"


def _variable(key: str, half: str) -> str:
    return f"mesh_mask_{key}_{half}"


def _generalized(value: str, mask: Mask) -> str:
    if mask.unit is not None:
        return f"CAST(date_trunc({literal(mask.unit)}, {value}) AS DATE)"
    if mask.prefix is not None:
        # What is no longer than the prefix would be left whole.
        whole = f"WHEN length({value}) <= {mask.prefix:d} THEN {literal(REDACTED)}"
        return f"CASE {whole} ELSE left({value}, {mask.prefix:d}) END"
    if mask.groups:
        cases = " ".join(f"WHEN {literal(text)} THEN {literal(group)}" for text, group in mask.groups)
        return f"CASE WHEN {value} IS NOT NULL THEN CASE {value} {cases} ELSE {literal(mask.other)} END END"
    if mask.edges:
        return _in_bands(value, mask)
    return _in_width(value, mask.width or 1)


def _in_width(value: str, width: int | float) -> str:
    """``30 to 39`` for whole numbers of a whole width, ``2.5 to under 5`` for all others."""
    if isinstance(width, int):
        # Huge, since the band at the end of the type's range goes beyond it.
        huge = f"({value})::HUGEINT"
        low = f"({huge} - (({huge} % {width:d}) + {width:d}) % {width:d})"
        return f"{low}::VARCHAR || ' to ' || ({low} + {width - 1:d})::VARCHAR"
    low = f"floor({value} / {width!r})"
    words = [f"printf('%.12g', ({low} + {step}) * {width!r})" for step in (0, 1)]
    return f"{words[0]} || ' to under ' || {words[1]}"


def _in_bands(value: str, mask: Mask) -> str:
    labels = [literal(label) for label in bands(mask)]
    cases = [
        f"WHEN {value} < {literal(e)} THEN {label}" for e, label in zip(mask.edges, labels, strict=False)
    ]
    return f"CASE {' '.join(cases)} WHEN {value} IS NOT NULL THEN {labels[-1]} END"
