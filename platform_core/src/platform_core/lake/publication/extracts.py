"""A product's rows as a CSV or Parquet file with the same bytes for the same rows.

CSV: UTF-8, a header, commas, lines end with LF; a missing value is empty, an empty text is ``""``; dates and
times in ISO 8601 with a space, in UTC; decimals with all digits. Rows are sorted by the key, or by all
columns.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.lake.errors import sentence
from platform_core.sql.quoting import file_literal, literal, quoted
from platform_core.sql.types import describe
from platform_core.words import listed

LONGEST = 1 << 26
"""The most bytes of a row in a text file."""
LONG_LINES = f"max_line_size = {LONGEST}, buffer_size = {LONGEST + 1}"
_CSV = "FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULL ''"
_PARQUET = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v1"


def write_extract(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, relation: str, path: Path
) -> None:
    """Write a relation to a file in the format of its suffix. Raises duckdb.Error."""
    columns = ", ".join(map(quoted, describe(connection, f"FROM {relation}")))
    order = ", ".join(map(quoted, product.key)) or "ALL"
    options = _CSV if path.suffix == ".csv" else _PARQUET
    connection.execute(
        f"COPY (SELECT {columns} FROM {relation} ORDER BY {order}) TO {literal(str(path))} ({options})"
    )


def reading(connection: duckdb.DuckDBPyConnection, relation: str, path: Path) -> str:
    """SQL that reads the file. A CSV file gets the types of the relation."""
    if path.suffix != ".csv":
        return f"read_parquet({file_literal(path)})"
    types = ", ".join(
        f"{literal(n)}: {literal(t)}" for n, t in describe(connection, f"FROM {relation}").items()
    )
    return (
        f"read_csv({file_literal(path)}, header = true, auto_detect = false, columns = {{{types}}}, "
        "delim = ',', quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, "
        f"{LONG_LINES})"
    )


def difference(connection: duckdb.DuckDBPyConnection, relation: str, path: Path) -> str | None:
    """The first difference between a file and the relation, in words; None if they are equal. Rows are
    compared by their number and the sum of their hashes."""
    source = reading(connection, relation, path)
    try:
        there = describe(connection, f"FROM {source}")
        wanted = describe(connection, f"FROM {relation}")
        if there != wanted:
            odd = [f'"{n}" is {there.get(n, "missing")} instead of {t}' for n, t in wanted.items()
                   if there.get(n) != t]  # fmt: skip
            return f"columns differ: {listed(odd or list(there))}"
        columns = ", ".join(map(quoted, wanted))
        count = f"SELECT count(*), sum(hash({columns})::HUGEINT) FROM"
        read, kept = (connection.execute(f"{count} {each}").fetchone() for each in (source, relation))
    except duckdb.Error as error:
        return f"it cannot be read back: {sentence(error)}"
    if read == kept or read is None or kept is None:
        return None
    if read[0] != kept[0]:
        return f"it has {read[0]:,} rows instead of {kept[0]:,}"
    return "some of its values differ from the version"
