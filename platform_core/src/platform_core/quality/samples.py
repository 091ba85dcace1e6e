"""Sample rows of a failed check: their keys, never a personal or restricted column."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from platform_core.contracts.model import DataProduct, Rule
from platform_core.quality.outcome import Sample
from platform_core.sql.quoting import quoted
from platform_core.sql.times import in_words

LIMIT = 10


def sample_columns(product: DataProduct | None, rule: Rule, present: Iterable[str]) -> tuple[str, ...]:
    """The columns that identify and explain a violating row: those of the key, then of the rule, if they may
    be shown. A column without a contract has no classification and is never shown."""
    if product is None:
        return ()
    shown = {column.name for column in product.columns if column.shown_in_samples} & set(present)
    return tuple(name for name in dict.fromkeys((*product.key, *rule.columns)) if name in shown)


def sample_rows(
    connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...], relation: str, condition: str
) -> Sample:
    if not columns:
        return ()
    names = ", ".join(map(quoted, columns))
    return fetch(connection, f"SELECT DISTINCT {names} FROM {relation} WHERE {condition} LIMIT {LIMIT}")


def fetch(connection: duckdb.DuckDBPyConnection, query: str) -> Sample:
    cursor = connection.execute(in_words(connection, query))
    names = [column[0] for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchmany(LIMIT))
