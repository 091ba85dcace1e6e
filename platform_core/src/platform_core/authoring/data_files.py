"""Parquet, CSV and JSON files as tables, and their faults."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

from platform_core.diagnostics import SourceError, UsageError, shown
from platform_core.lake.transaction import number, one
from platform_core.sources.source import READERS
from platform_core.sql.quoting import file_literal, literal, quoted, unlike
from platform_core.sql.types import describe
from platform_core.words import counted, did_you_mean, snake

_READERS: Final = READERS | {".tsv": "read_csv", ".jsonl": "read_json", ".ndjson": "read_json"}
_CSV: Final = (".csv", ".tsv")
_LINE: Final = re.compile(r"line:?\s*(\d+)")


def is_file_name(words: str) -> bool:
    """Whether a word has the suffix of a data file."""
    return Path(words).suffix.lower() in _READERS


def columnar(path: Path) -> bool:
    """Whether repeated scans are cheap."""
    return path.suffix.lower() == ".parquet"


def stem(path: Path) -> str:
    """A product's name from a file's name: ``Sales Returns 2017.csv.gz`` becomes ``sales_returns_2017``."""
    return snake(path.name.partition(".")[0]) or "table"


def described(path: Path) -> str:
    """A file for the head of a contract; the path of a package's file is relative to the package."""
    package = packaged(path)
    return f"{package[1]} of the package {package[0]}" if package else shown(path.absolute())


def packaged(path: Path) -> tuple[str, str] | None:
    """The installed Python package of a file, and the path in it."""
    parts = path.absolute().parts
    if "site-packages" not in parts:
        return None
    at = len(parts) - 1 - parts[::-1].index("site-packages")
    return (parts[at + 1], "/".join(parts[at + 2 :])) if len(parts) > at + 2 else None


def query(
    connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str] | None = None
) -> tuple[str, dict[str, str]]:
    """SQL that reads a file with plain column names, and the original names of renamed columns.

    Raises UsageError: U060 missing, U061 empty, U062 unreadable in the format of its suffix, U063 without
    column names, U066 not a table.
    """
    _present(path)
    suffix = path.suffix.lower()
    try:
        source = _csv(connection, path, columns) if suffix in _CSV else _plain(path)
        names = [row[0] for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
    except duckdb.Error as error:
        raise _unreadable(connection, path, error) from None
    if suffix in (".json", ".jsonl", ".ndjson") and names == ["json"]:
        expected = "a list of objects, or one object per line"
        raise UsageError.of(
            "U066", f"{shown(path)} is not a table", None, expected, "Write one object per row."
        )
    return in_plain_names(source, names, columns)


def in_plain_names(
    source: str, names: Sequence[str], columns: Sequence[str] | None = None
) -> tuple[str, dict[str, str]]:
    """SQL that reads a relation with plain column names, or with ``columns``, and the original names of those
    that are renamed."""
    renamed: dict[str, str] = {}
    for position, name in enumerate(names, start=1):
        plain = (columns[position - 1] if columns else snake(name)) or f"column_{position}"
        renamed[unlike(plain, renamed)] = name
    selected = ", ".join(f"{quoted(own)} AS {quoted(plain)}" for plain, own in renamed.items())
    return f"SELECT {selected} FROM {source}", {k: v for k, v in renamed.items() if k != v}


def load_file(connection: duckdb.DuckDBPyConnection, path: Path, relation: str, sql: str) -> None:
    """Read a text file once into a table. Raises SourceError U062."""
    try:
        connection.execute(f"CREATE TEMP TABLE {relation} AS {sql}")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise _unreadable(connection, path, error) from None
    if path.suffix.lower() not in _CSV:
        return
    texts = [quoted(n) for n, kind in describe(connection, f"FROM {relation}").items() if kind == "VARCHAR"]
    left = " OR ".join(f"starts_with({text}, '\"')" for text in texts) or "false"
    # DuckDB reads unpaired quotation marks as letters instead of refusing them.
    quotes = number(connection, f"SELECT count(*) FROM {relation} WHERE {left}")
    if quotes and (fault := _fault(connection, path)):
        raise _unreadable(connection, path, fault)


def _present(path: Path) -> None:
    if not path.exists():
        near = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        same = [name for name in near if name.lower() == path.name.lower()]
        expected, fix = "a Parquet, CSV or JSON file", did_you_mean(path.name, same)
        raise UsageError.of("U060", f"{shown(path)} does not exist", None, expected, fix)
    if not path.is_file() or path.suffix.lower() not in _READERS:
        kind = f"{', '.join(_READERS)} file" if path.is_file() else "regular file"
        what = "a folder" if path.is_dir() else f"not a {kind}"
        expected = "one table: a Parquet, CSV or JSON file"
        fix = "Name a file in it." if path.is_dir() else "Save the table in one of these formats."
        raise UsageError.of("U066", f"{shown(path)} is {what}", None, expected, fix)
    try:
        empty = path.stat().st_size == 0
        with path.open("rb"):
            pass
    except OSError as error:
        message = f"{shown(path)} cannot be read: {error.strerror}"
        raise SourceError.of("U062", message, fix="Make it readable.") from None
    if empty:
        raise no_rows(shown(path))


def no_rows(what: str) -> SourceError:
    """The error for data without rows."""
    message = f"{what} has no rows"
    expected, fix = "one row or more", "Infer from a file with typical data."
    return SourceError.of("U061", message, None, expected, fix)


def _plain(path: Path) -> str:
    """Reads text with types from all rows, not only from the first 20,480."""
    options = "" if columnar(path) else ", sample_size = -1"
    return f"{_READERS[path.suffix.lower()]}({file_literal(path)}{options})"


def _csv(connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str] | None) -> str:
    asked = _plain(path).replace("read_csv", "sniff_csv", 1)
    header, found, prompt = one(connection, f"SELECT HasHeader, Columns, Prompt FROM {asked}")
    if len(found) == 1 and re.search(r"[,;\t|]", str(found[0]["name"])):
        raise _unreadable(connection, path, _fault(connection, path) or duckdb.Error("Number of Columns"))
    if columns and (header or len(columns) != len(found)):
        wrong = f"has {len(found)} columns, but --columns has {len(columns)}"
        message = f"{shown(path)} {'has column names already' if header else wrong}"
        expected = "--columns for a file without column names, one name per column"
        raise UsageError.of("U063", message, None, expected, "Remove --columns." if header else None)
    if not header and not columns:
        names = ",".join(f"name{number}" for number in range(1, len(found) + 1))
        message = f"{shown(path)} has no names of its {counted(len(found), 'column')}"
        fix = f"Add the line, or call with `--columns {names if len(found) < 9 else 'name1,name2,...'}`."
        raise UsageError.of("U063", message, None, "a first line with the names of the columns", fix)
    # The prompt names the file, which read_csv would read as a pattern.
    dialect = str(prompt).partition(", auto_detect=")[2].rstrip(";")
    return f"read_csv({file_literal(path)}, auto_detect={dialect}"


def _fault(connection: duckdb.DuckDBPyConnection, path: Path) -> duckdb.Error | None:
    """The fault of a CSV file, read with the separator of its first line and with ``"`` as quote. With
    automatic detection, DuckDB only reports that no dialect fits."""
    read = f"FROM read_csv({file_literal(path)}, auto_detect = false"
    try:
        whole = "header = false, delim = '\x01', quote = '', escape = '', columns = {line: VARCHAR}"
        [first] = one(connection, f"{read}, {whole}, strict_mode = false, ignore_errors = true) LIMIT 1")
        separator = max(",;\t|", key=str(first).count)
        width = len(next(csv.reader([str(first)], delimiter=separator)))
        names = ", ".join(f"c{n}: VARCHAR" for n in range(width))
        dialect = f"delim = {literal(separator)}, quote = '\"', escape = '\"', columns = {{{names}}}"
        number(connection, f"SELECT count(*) FROM ({read}, header = true, {dialect})) t WHERE hash(t) > 0")
    except duckdb.Error as error:
        return error
    return None


def _unreadable(connection: duckdb.DuckDBPyConnection, path: Path, error: duckdb.Error) -> SourceError:
    """The error of an unreadable file, without DuckDB's message, which quotes the file."""
    if path.suffix.lower() in _CSV and "sniffing" in str(error):
        error = _fault(connection, path) or error
    words = str(error).partition("Possible")[0].lower()
    line = _LINE.search(words)
    where = f" in line {line[1]}" if line else ""
    reasons = (
        ("number of columns", "its lines have different numbers of values"),
        ("unterminated", "a quotation mark is not closed, or is alone in a value"),
        ("invalid state", "some of its lines end in CR LF and some in LF"),
        ("unicode", "it is not text in UTF-8"),
        ("utf-8", "it is not text in UTF-8"),
        ("maximum line size", "a line is too long"),
        ("magic bytes", "it is not a Parquet file"),
        ("too small to be a parquet", "it is not a Parquet file"),
        ("malformed json", "it is not JSON"),
        ("onvert", "values have another type than those above them"),
    )
    reason = next((text for words_of_duckdb, text in reasons if words_of_duckdb in words), None)
    kind = path.suffix.lower().removeprefix(".").upper()
    message = f"{shown(path)} cannot be read as {kind}{where}" + (f": {reason}" if reason else "")
    fix = f"Correct line {line[1]} of the file." if line else "Save the file again."
    return SourceError.of("U062", message, None, "a table with the same columns in every row", fix)
