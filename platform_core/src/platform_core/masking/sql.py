"""Masks as SQL: the rows of a masked twin from its parent's table."""

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
"""The value of a redacted text, also of one that is not longer than its prefix. Other types become NULL."""
HASH: Final = "^[0-9a-f]{32}$"
"""The form of a hash: half of HMAC-SHA256, as RFC 2104 allows. 128 bits are unique enough at half the
size."""

_PADS: Final = {"inner": 0x36, "outer": 0x5C}
_BLOCK: Final = 64


def set_keys(connection: duckdb.DuckDBPyConnection, keys: Iterable[Key]) -> None:
    """Set the keys of hashes as variables of a connection: the text of a query, which plans and logs
    show, has no key."""
    for key in keys:
        block = key.secret.ljust(_BLOCK, b"\0")
        for half, pad in _PADS.items():
            value = bytes(byte ^ pad for byte in block)
            connection.execute(f"SET VARIABLE {quoted(_variable(key.name, half))} = ?", [value])


def forget_keys(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Remove the keys from the connection, before it runs SQL of a contract."""
    for name in names:
        for half in _PADS:
            connection.execute(f"RESET VARIABLE {quoted(_variable(name, half))}")


def masked_query(twin: DataProduct, relation: str, suppression: Suppression | None) -> str:
    """The twin's rows as SQL over its parent's relation. A slow mask is computed once per distinct value,
    and joined."""
    made: list[str] = []
    shown: list[str] = []
    joins: list[str] = []
    for number, column in enumerate(twin.columns):
        name, mask = quoted(column.name), column.mask
        if mask is None:
            shown.append(f"source.{name}")
        elif (mask.method == "hash" or mask.width is not None or mask.groups) and not (
            column.unique or twin.key == (column.name,)
        ):
            words = f"__words_{number}"
            distinct = f"SELECT DISTINCT {name} AS raw FROM {relation}"
            made.append(
                f"{words} AS MATERIALIZED (SELECT raw, {masked('raw', column)} AS word FROM ({distinct}))"
            )
            joins.append(f"LEFT JOIN {words} ON source.{name} = {words}.raw")
            shown.append(f"{words}.word AS {name}")
        else:
            shown.append(f"{masked(f'source.{name}', column)} AS {name}")
    # Not as a CTE, which DuckDB would keep in memory if it is read more than once.
    query = f"SELECT {', '.join(shown)} FROM (FROM {relation}) AS source {' '.join(joins)}"
    if made:
        query = f"WITH {', '.join(made)} {query}"
    kept = f"SELECT * FROM ({query})"
    if suppression is not None:
        groups = ", ".join(map(quoted, suppression.columns))
        kept += f" QUALIFY count(*) OVER (PARTITION BY {groups}) >= {suppression.minimum:d}"
    # In the parent's order a row would reveal the row that it was made from.
    return f"{kept} ORDER BY ALL"


def masked(value: str, column: Column) -> str:
    """The masked value as SQL; the value itself without a mask. NULL stays NULL, unless it is redacted."""
    mask = column.mask
    if mask is None:
        return value
    if mask.method == "hash":
        return hashed(value, mask)
    if mask.method == "redact":
        return literal(REDACTED) if column.logical_type == "string" else f"NULL::{duckdb_type(column)}"
    return _generalized(value, mask)


def hashed(value: str, mask: Mask) -> str:
    """HMAC-SHA256 of the value's text in 32 hexadecimal digits, the same for equal values of any type."""
    inner, outer = (f"getvariable({literal(_variable(mask.key or '', half))})" for half in _PADS)
    return f"left(sha256({outer} || unhex(sha256({inner} || encode(CAST({value} AS VARCHAR))))), 32)"


def _variable(key: str, half: str) -> str:
    return f"mesh_mask_{key}_{half}"


def _generalized(value: str, mask: Mask) -> str:
    if mask.unit is not None:
        return f"CAST(date_trunc({literal(mask.unit)}, {value}) AS DATE)"
    if mask.prefix is not None:
        # The prefix of a shorter value would be the value itself.
        whole = f"WHEN length({value}) <= {mask.prefix:d} THEN {literal(REDACTED)}"
        return f"CASE {whole} ELSE left({value}, {mask.prefix:d}) END"
    if mask.groups:
        cases = " ".join(f"WHEN {literal(text)} THEN {literal(group)}" for text, group in mask.groups)
        return f"CASE WHEN {value} IS NOT NULL THEN CASE {value} {cases} ELSE {literal(mask.other)} END END"
    if mask.edges:
        return _in_bands(value, mask)
    return _in_width(value, mask.width or 1)


def _in_width(value: str, width: int | float) -> str:
    """``30 to 39`` for integers and an integer width, else ``2.5 to under 5``."""
    if isinstance(width, int):
        # The last band exceeds the type's range.
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
