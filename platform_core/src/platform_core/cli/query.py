"""``mesh query``: read granted data products by their names, read-only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from platform_core.cli import OK

if TYPE_CHECKING:
    from platform_core.access.read import Answer

BATCH: Final = 10_000


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sql", metavar="SQL", help='such as "SELECT * FROM sales.transactions"; - reads stdin'
    )
    parser.add_argument(
        "--as", dest="principal", default="analysts", help="who reads: analysts (default) or domain:<name>"
    )
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
    parser.add_argument(
        "--limit", type=_limit, default=1000, metavar="N", help="rows shown, 1000 by default; 0 shows all"
    )


def run(options: argparse.Namespace) -> int:
    from platform_core.access.read import granted_query
    from platform_core.access.reads import record_query
    from platform_core.contracts.registry import Registry
    from platform_core.lake.location import LakeLocation
    from platform_core.settings import mesh_home, mesh_root

    root = mesh_root()
    sql = sys.stdin.read() if options.sql == "-" else options.sql
    with granted_query(
        sql, options.principal, Registry.open(root), LakeLocation.current(root), root
    ) as answer:
        if not record_query(mesh_home(root), options.principal, answer.products):
            print("this query could not be recorded; data_product_usage will not know of it", file=sys.stderr)
        rows = _Rows(answer, options.limit)
        match options.format:
            case "csv":
                _print_csv(answer.columns, rows)
            case "json":
                _print_json(answer.columns, rows)
            case _:
                _print_table(answer, rows)
        if rows.more:
            print(f"first {options.limit} rows; --limit 0 shows all", file=sys.stderr)
    return OK


class _Rows:
    """The rows to show, in batches; ``more`` tells afterwards whether some were left out."""

    def __init__(self, answer: Answer, limit: int) -> None:
        self.more = False
        self._answer = answer
        self._limit = limit

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        left = self._limit or None
        while batch := self._answer.rows(BATCH if left is None else min(BATCH, left + 1)):
            if left is None:
                yield from batch
                continue
            yield from batch[:left]
            if len(batch) > left:
                self.more = True
                return
            left -= len(batch)


def _print_csv(columns: tuple[str, ...], rows: _Rows) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def _print_json(columns: tuple[str, ...], rows: _Rows) -> None:
    """One object per line inside one array, so that it is JSON and still can be read as it comes."""
    import json

    names = _distinct(columns)
    separator = "["
    for row in rows:
        values = {name: _plain(value) for name, value in zip(names, row, strict=True)}
        print(separator, json.dumps(values, ensure_ascii=False, allow_nan=False), sep="\n", end="")
        separator = ","
    print("[]" if separator == "[" else "\n]")


def _print_table(answer: Answer, rows: _Rows) -> None:
    from platform_core.cli.table import print_table

    numeric = tuple(kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or "INT" in kind for kind in answer.types)
    shown = [["NULL" if value is None else str(value) for value in row] for row in rows]
    print_table(answer.columns, shown, right=numeric)


def _distinct(names: tuple[str, ...]) -> list[str]:
    """Names for the keys of an object: a repeated one gets a number."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result


def _plain(value: Any) -> Any:
    """A value as JSON has it: no NaN, times in ISO 8601, bytes in hexadecimal."""
    from datetime import date, datetime, time
    from decimal import Decimal

    match value:
        case float():
            return value if value == value and abs(value) != float("inf") else None
        case Decimal():
            return float(value) if value.is_finite() else None
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def _limit(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
