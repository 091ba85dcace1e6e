"""``mesh query``: read granted data products by their names, read-only."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache, partial
from io import TextIOWrapper
from itertools import chain, islice
from math import isfinite
from typing import Any, Final

from platform_core.access.query import Answer, granted_query
from platform_core.access.query_log import record_query
from platform_core.cli.documents import head, text_of
from platform_core.cli.exit_status import OK
from platform_core.cli.grammar import number, require_text
from platform_core.cli.output import note
from platform_core.cli.table import print_table
from platform_core.lake.location import LakeLocation
from platform_core.registry.lookup import Registry
from platform_core.sealed.landlock import MISSING
from platform_core.settings import mesh_home, mesh_root
from platform_core.sql.allowed import moment_text

BATCH: Final = 10_000
Rows = Iterator[tuple[Any, ...]]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sql", metavar="SQL", help='such as "FROM sales.transactions"; - reads stdin')
    reader = "the principal: analysts (default) or domain:<name>"
    parser.add_argument("--as", dest="principal", default="analysts", metavar="READER", help=reader)
    past = "read a version of the lake, or the versions at a time such as 2026-01-31T12:00 (UTC)"
    parser.add_argument("--as-of", type=partial(moment_text, "--as-of"), metavar="VERSION|TIME", help=past)
    shown = "rows shown; default: 1000; 0 shows all"
    parser.add_argument("--limit", type=number("--limit", 0), default=1000, metavar="N", help=shown)
    most = "stop after so many seconds; default: 300; 0 never stops"
    parser.add_argument("--timeout", type=number("--timeout", 0), default=300, metavar="SECONDS", help=most)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    sql = options.sql
    if sql == "-":
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        require_text(sql := sys.stdin.read())
    with granted_query(
        sql,
        options.principal,
        Registry.open(root),
        LakeLocation.current(root),
        root,
        seconds=options.timeout or None,
        many=not 0 < options.limit < BATCH,
        as_of=options.as_of,
    ) as answer:
        if options.verbosity > 0 and not answer.walled:
            print(MISSING, file=sys.stderr)
        if not record_query(mesh_home(root), options.principal, answer.products):
            print("the query is not recorded: data_product_usage will not include it", file=sys.stderr)
        size = min(BATCH, options.limit + 1) if options.limit else BATCH
        every = (row for batch in iter(lambda: answer.rows(size), []) for row in batch)
        rows = islice(every, options.limit or None)
        more = cache(lambda: next(every, None) is not None)
        match options.format:
            case "csv":
                csv.writer(sys.stdout, lineterminator="\n").writerows(chain([answer.columns], rows))
            case "json":
                _print_json(answer, rows, more)
            case _:
                _print_table(answer, rows)
        if more():
            note(options, f"first {options.limit} rows; --limit 0 shows all")
    return OK


def _print_json(answer: Answer, rows: Rows, more: Callable[[], bool]) -> None:
    """Print one document with one row per line, so that a reader can stream it. Its last member ``complete``
    is false if rows are left out, or a value could not be computed."""
    names = _distinct(answer.columns)
    columns = [{"name": name, "type": kind} for name, kind in zip(names, answer.types, strict=True)]
    lines = (text_of(dict(zip(names, map(_plain, row), strict=True)), indent=None) for row in rows)
    # If the first row cannot be computed, nothing is printed.
    first = next(lines, None)
    print(text_of({**head("query"), "columns": columns}).removesuffix("\n}"), end=',\n  "rows": [')
    complete, separator = False, "\n    "
    try:
        for line in chain(() if first is None else (first,), lines):
            print(f"{separator}{line}", end="")
            separator = ",\n    "
        complete = not more()
    finally:
        print(f'\n  ],\n  "complete": {str(complete).lower()}\n}}')


def _print_table(answer: Answer, rows: Rows) -> None:
    numeric = tuple(kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or "INT" in kind for kind in answer.types)
    shown = [["NULL" if value is None else str(value) for value in row] for row in rows]
    print_table(answer.columns, shown, right=numeric)


def _distinct(names: tuple[str, ...]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result


def _plain(value: Any) -> Any:
    """A value that JSON has: no NaN, bytes in hexadecimal. ``documents.text_of`` converts times."""
    match value:
        case Decimal() if Decimal(str(float(value))) != value:
            return str(value)  # a float cannot represent it
        case float() | Decimal():
            return float(value) if isfinite(value) else None
        case bytes():
            return value.hex()
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value
