"""Types of contracts: parsed, canonical, and never copied into SQL."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest

from platform_core.sql.types import NAMES, BadType, canonical_type


@pytest.mark.parametrize("word", sorted(NAMES))
def test_every_alias_of_a_type_matches_duckdb(word: str) -> None:
    assert canonical_type(word.lower()) == str(duckdb.type(word))


@pytest.mark.parametrize(
    "text",
    [
        "DECIMAL(10, 2)",
        "decimal(5)",
        'STRUCT(a int, "b c" text[], "group" STRUCT(x date))',
        "MAP(text, INT8)",
        "INTEGER[3][]",
        "timestamp  with time zone",
        "UNION(a int, b text)",
        "ROW(a int)",
        "ENUM('a', 'b''c')",
        "double precision",
        "TIME WITH TIME ZONE[]",
        'STRUCT("a; DROP TABLE x" INT)',
    ],
)
def test_a_canonical_type_is_the_type_that_was_written(text: str) -> None:
    canonical = canonical_type(text)
    assert duckdb.type(canonical) == duckdb.type(text)
    assert canonical_type(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "INTEGER DEFAULT 1",
        "INTEGER NOT NULL",
        "INTEGER PRIMARY KEY",
        "INT;",
        "INT); DROP TABLE x; --",
        "",
        "VARCHAR COLLATE nocase",
        "INTEGER /* */",
        "INTEGER -- x",
        "SETOF INTEGER",
        "mytype",
        "main.x",
        "NULL",
        "DECIMAL(39, 1)",
        "DECIMAL(5, 6)",
        "DECIMAL(1, 2, 3)",
        "MAP(INT)",
        "STRUCT()",
        "INTEGER[",
        "'x'",
        "INTEGER\N{NO-BREAK SPACE}",
        "STRUCT(" * 30 + "a INT" + ")" * 30,
        "A" * 5000,
        "ENUM(SELECT 1)",
        "\0",
        "INT[0]",
        "MAP(TEXT, INT[0])",
        "INT[100001]",
        "STRUCT(a INT, A INT)",
        "UNION(a INT, a TEXT)",
        "ENUM('a', 'a')",
        'STRUCT("a\0" INT)',
        "VARCHAR(10)",
        "STRUCT(a CHAR(3))",
    ],
)
def test_unknown_types_are_refused(text: str) -> None:
    with pytest.raises(BadType):
        canonical_type(text)


def test_the_length_of_a_text_has_a_fix() -> None:
    with pytest.raises(BadType) as caught:
        canonical_type("varchar(10)")
    assert "maxLength: 10" in str(caught.value.fix)


def test_plain_types_need_no_engine() -> None:
    """Its import is slow, and every command reads contracts."""
    read = "from platform_core.sql.types import NAMES, canonical_type\n"
    read += "for word in (*NAMES, 'DECIMAL(10,2)', 'int[]'): canonical_type(word)\n"
    code = f"import sys\n{read}print('duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
