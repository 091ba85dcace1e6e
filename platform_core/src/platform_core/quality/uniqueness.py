"""Repeated values of a table: it sorts their hashes and compares only rows with equal hashes.

Sorting 64-bit numbers in place takes a fraction of the time of grouping the values, or of a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

import duckdb

from platform_core.lake.engine import memory_of
from platform_core.sql.quoting import quoted

if TYPE_CHECKING:
    import numpy

_HASH: Final = "hash({})"
# A hash takes 8 bytes, and 16 while the array grows; half of the engine's memory limit stays for queries.
_BYTES_A_HASH: Final = 32
_EQUAL: Final = "__equal_hashes"


def repeated(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], rows: int
) -> Iterator[str]:
    """SQL, from FROM to HAVING, for the values of columns that more than one row has; rows with a NULL count
    as unique. It yields several queries about different values if the hashes of all ``rows`` exceed the
    memory; run each before the next is taken. Raises duckdb.Error."""
    names = ", ".join(map(quoted, columns))
    value = _HASH.format(names)
    present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
    passes = -(-rows * _BYTES_A_HASH // memory_of(connection))
    for turn in range(passes):
        part = f" AND {value} % {passes} = {turn}" if passes > 1 else ""
        some = f"FROM {relation} WHERE {present}{part}"
        fetched = connection.execute(f"SELECT {value} AS value {some}").fetchnumpy()
        hashes = cast("numpy.ndarray[Any, Any]", fetched.pop("value"))
        hashes.sort()
        equal = hashes[1:][hashes[1:] == hashes[:-1]]
        del hashes
        if not len(equal):
            continue
        connection.register(_EQUAL, {"value": equal})
        try:
            yield f"{some} AND {value} IN (FROM {_EQUAL}) GROUP BY {names} HAVING count(*) > 1"
        finally:
            with suppress(duckdb.Error):  # a transaction that failed takes the view along
                connection.unregister(_EQUAL)
