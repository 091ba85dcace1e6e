"""Columns of pandas and Polars: published as they are, cast without loss, or refused by code.

They are made in the environment of a domain that has both; a refusal must not end the process either.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / "domains/marketing/.venv/bin/python"
EXPECTED: dict[str, list[str | None]] = {
    "pandas none": ["VARCHAR", None, None],
    "pandas empty": ["VARCHAR"],
    "pandas nan": ["DOUBLE", "1.5", None, "inf"],
    "pandas ints": ["BIGINT", "1", None],
    "pandas ns": ["TIMESTAMP_NS", "2020-01-01 00:00:00.123456789"],
    "pandas zone": ["TIMESTAMP WITH TIME ZONE", "2019-12-31 23:00:00+00"],
    "pandas span": ["INTERVAL", "1 day 00:00:01.5"],
    "pandas micro": ["L012"],
    "pandas words": ["VARCHAR", "a", None],
    "pandas time": ["TIME", "09:30:00"],
    "pandas date": ["DATE", "0001-01-01", "9999-12-31"],
    "pandas decimal": ["DECIMAL(3,2)", "1.10", None],
    "pandas uuid": ["UUID", "00000000-0000-0000-0000-000000000001"],
    "pandas list": ["INTEGER[]", "[1, NULL]", "[]"],
    "pandas dict": ["STRUCT(a INTEGER, b INTEGER)", "{'a': 1, 'b': NULL}"],
    "pandas bytes": ["BLOB", "\\x00\\xFF"],
    "pandas huge": ["L012"],
    "pandas single": ["DOUBLE", "0.10000000149011612"],
    "pandas nothing": ["D004"],
    "pandas complex": ["D004"],
    "polars none": ["VARCHAR", None],
    "polars time": ["TIME", "09:30:00"],
    "polars fine": ["L012"],
    "polars span": ["INTERVAL", "00:00:01.5"],
    "polars micro": ["L012"],
    "polars ns": ["TIMESTAMP_NS", "1970-01-01 00:00:00.000000001"],
    "polars ms": ["TIMESTAMP", "1970-01-01 00:00:00.001"],
    "polars zone": ["TIMESTAMP WITH TIME ZONE", "1970-01-01 00:00:00.000001+00"],
    "polars words": ["VARCHAR", "a"],
    "polars enum": ["VARCHAR", "a"],
    "polars nan": ["DOUBLE", "1.5", "nan", "-inf"],
    "polars huge": ["D004"],
    "polars small huge": ["D004"],
    "polars decimal": ["DECIMAL(38,2)", "1.10"],
    "polars array": ["TINYINT[]", "[1, 2]"],
    "polars struct": ["STRUCT(t TIME, n INTEGER)", "{'t': '09:30:00', 'n': NULL}"],
    "polars times": ["TIME[]", "['09:30:00']", "[]"],
    "polars object": ["D004"],
    "polars lazy": ["BOOLEAN", "true"],
    "polars bytes": ["BLOB", "\\x00"],
    "polars nothing": ["D004"],
}


def test_every_column_of_a_frame(tmp_path: Path) -> None:
    command = [PYTHON, ROOT / "tests/frames.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = dict(json.loads(line) for line in done.stdout.splitlines())
    assert found == EXPECTED
