"""Files as tables: Parquet, CSV and JSON, and what can be wrong with them."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

from platform_core.diagnostics import SourceError, UsageError, shown
from platform_core.lake.transaction import number, one
from platform_core.products.source import READERS
from platform_core.sql.quoting import file_literal, literal, quoted, unlike
from platform_core.sql.types import describe
from platform_core.words import counted, snake

_READERS: Final = READERS | {".tsv": "read_csv", ".jsonl": "read_json", ".ndjson": "read_json"}
_CSV: Final = (".csv", ".tsv")
_COMPRESSED: Final = (".gz", ".zst")
_LINE: Final = re.compile(r"Line:?\s*(\d+)")


def is_file_name(words: str) -> bool:
    """Whether a word can only be a file's name, there or not."""
    return _suffix(Path(words)) in _READERS


def columnar(path: Path) -> bool:
    """Whether a scan may be repeated at little cost."""
    return _suffix(path) == ".parquet"


def stem(path: Path) -> str:
    """A product's name out of a file's: ``Sales Returns 2017.csv.gz`` becomes ``sales_returns_2017``."""
    return snake(path.name.partition(".")[0]) or "table"


def described(path: Path) -> str:
    """A file for the head of a contract: within a package, without where that is installed."""
    package = packaged(path)
    return f"{package[1]} of the package {package[0]}" if package else shown(path.absolute())


def packaged(path: Path) -> tuple[str, str] | None:
    """The installed Python package that a file is in, and its path there."""
    parts = path.absolute().parts
    if "site-packages" not in parts:
        return None
    at = len(parts) - 1 - parts[::-1].index("site-packages")
    return (parts[at + 1], "/".join(parts[at + 2 :])) if len(parts) > at + 2 else None


def query(
    connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str] | None = None
) -> tuple[str, dict[str, str]]:
    """SQL that reads a file, with names that SQL takes, and what columns of other names are called in it.

    Raises UsageError: U060 missing, U061 empty, U062 no such file as its name says, U063 without names of
    columns, U066 no table.
    """
    _present(path)
    suffix = _suffix(path)
    try:
        source = _csv(connection, path, columns) if suffix in _CSV else _plain(path)
        names = [row[0] for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
    except duckdb.Error as error:
        raise _unreadable(connection, path, error) from None
    if suffix in (".json", ".jsonl", ".ndjson") and names == ["json"]:
        expected = "a list of objects, or one object per line"
        raise UsageError.of("U066", f"{shown(path)} is no table", None, expected, "Write one object per row.")
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
    texts = [quoted(n) for n, kind in describe(connection, f"FROM {relation}").items() if kind == "VARCHAR"]
    left = " OR ".join(f"starts_with({text}, '\"')" for text in texts) or "false"
    quotes = _suffix(path) in _CSV and number(connection, f"SELECT count(*) FROM {relation} WHERE {left}")
    # Rather than refuse a file whose quotation marks do not pair, the engine takes them for letters.
    if quotes and (fault := _fault(connection, path)):
        raise _unreadable(connection, path, fault)


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _present(path: Path) -> None:
    if not path.exists():
        near = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        same = [name for name in near if name.lower() == path.name.lower()]
        expected, fix = "a Parquet, CSV or JSON file", f'did you mean "{same[0]}"?' if same else None
        raise UsageError.of("U060", f"there is no file {shown(path)}", None, expected, fix)
    if not path.is_file() or _suffix(path) not in _READERS:
        kind = f"{', '.join(_READERS)} file" if path.is_file() else "regular file"
        what = "a folder" if path.is_dir() else f"no {kind}"
        expected = "one table: a Parquet, CSV or JSON file"
        fix = "Name a file in it." if path.is_dir() else "Save the table as one of these."
        raise UsageError.of("U066", f"{shown(path)} is {what}", None, expected, fix)
    try:
        empty = path.stat().st_size == 0
        with path.open("rb"):
            pass
    except OSError as error:
        message = f"{shown(path)} cannot be read: {error.strerror}"
        raise SourceError.of("U062", message, fix="Let it be read.") from None
    if empty:
        raise no_rows(shown(path))


def no_rows(what: str) -> SourceError:
    """Data without rows: nothing is known of them."""
    message = f"{what} has no rows, so nothing can be inferred from it"
    expected, fix = "at least one row; more rows tell more", "Infer from data as it will be."
    return SourceError.of("U061", message, None, expected, fix)


def _plain(path: Path) -> str:
    """Types that hold for all rows of a text, not only for its first 20,480."""
    options = "" if columnar(path) else ", sample_size = -1"
    return f"{_READERS[_suffix(path)]}({file_literal(path)}{options})"


def _csv(connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str] | None) -> str:
    """The table function that reads a CSV file, which names its columns, or else somebody does (U063)."""
    asked = _plain(path).replace("read_csv", "sniff_csv", 1)
    header, found, prompt = one(connection, f"SELECT HasHeader, Columns, Prompt FROM {asked}")
    if len(found) == 1 and re.search(r"[,;\t|]", str(found[0]["name"])):
        raise _unreadable(connection, path, _fault(connection, path) or duckdb.Error("Number of Columns"))
    if columns and (header or len(columns) != len(found)):
        wrong = f"has {len(found)} columns, and {len(columns)} names were given"
        message = f"{shown(path)} {'names its columns itself' if header else wrong}"
        expected = "--columns for a file that does not name them, as many as it has"
        raise UsageError.of("U063", message, None, expected, "Leave --columns out." if header else None)
    if not header and not columns:
        names = ",".join(f"name{number}" for number in range(1, len(found) + 1))
        message = f"{shown(path)} does not name its {counted(len(found), 'column')}"
        fix = f"Add one, or name them: --columns {names if len(found) < 9 else 'name1,name2,...'}"
        raise UsageError.of("U063", message, None, "a first line with the names of the columns", fix)
    # The engine names the file as found, which read_csv would take for a pattern again.
    dialect = str(prompt).partition(", auto_detect=")[2].rstrip(";")
    return f"read_csv({file_literal(path)}, auto_detect={dialect}"


def _fault(connection: duckdb.DuckDBPyConnection, path: Path) -> duckdb.Error | None:
    """What is wrong with a CSV file whose values are apart as in its first line, and quoted by ``"``.

    Where it may guess how values are apart and quoted, the engine tells only that no guess fits.
    """
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
    """Why a file cannot be read; DuckDB's own words quote what is in the file, so they are not repeated."""
    if _suffix(path) in _CSV and "sniffing" in str(error):
        error = _fault(connection, path) or error
    words = str(error).partition("Possible")[0]
    line = _LINE.search(words)
    where = f" in line {line[1]}" if line else ""
    reasons = (
        ("Number of Columns", "its lines have different numbers of values"),
        ("unterminated", "a quotation mark is never closed, or stands alone in a value"),
        ("invalid state", "its lines end in several ways, some in CR LF and some in LF"),
        ("unicode", "it is not text in UTF-8"),
        ("utf-8", "it is not text in UTF-8"),
        ("Maximum line size", "a line is too long to be one row"),
        ("magic bytes", "it is no Parquet file"),
        ("too small to be a Parquet", "it is no Parquet file"),
        ("Malformed JSON", "it is no JSON"),
        ("onvert", "values do not have the type of those before"),
    )
    reason = next((told for said, told in reasons if said.lower() in words.lower()), None)
    kind = _suffix(path).removeprefix(".").upper()
    message = f"{shown(path)} cannot be read as {kind}{where}" + (f": {reason}" if reason else "")
    fix = f"Mend line {line[1]} of the file." if line else "Save the file anew."
    return SourceError.of("U062", message, None, "a table: in every row the same columns", fix)
