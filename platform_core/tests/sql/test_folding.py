"""Names compare as in DuckDB: only ASCII letters ignore case."""

from __future__ import annotations

import duckdb
import pytest

from platform_core.diagnostics import DefinitionError
from platform_core.sql.allowed import tables_read
from platform_core.sql.columns import columns_used
from platform_core.sql.quoting import fold

PAIRS = [("\N{KELVIN SIGN}", "k"), ("ſ", "s"), ("İ", "i"), ("É", "é"), ("ẞ", "ß"), ("Σ", "ς"), ("DŽ", "dž")]


@pytest.mark.parametrize(("one", "other"), [*PAIRS, ("Stores", "STORES"), ("a_B", "A_b")])
def test_names_are_equal_if_they_are_equal_for_duckdb(one: str, other: str) -> None:
    con = duckdb.connect()
    con.execute(f'CREATE TABLE "x{one}" (i INTEGER)')
    try:
        con.execute(f'FROM "x{other}"')
        same = True
    except duckdb.CatalogException:
        same = False
    assert (fold(f"x{one}") == fold(f"x{other}")) == same


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_common_table_hides_no_table_of_another_name(one: str, other: str) -> None:
    sql = f'WITH "x{one}" AS (SELECT 1) SELECT * FROM "x{other}"'
    assert [table.name for table in tables_read(sql)] == [f"x{other}"]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_different_columns_are_not_equal(one: str, other: str) -> None:
    with pytest.raises(DefinitionError, match="D020"):
        columns_used(f'SELECT "x{other}" FROM t', {"t": [f"x{one}"]})
