"""The formats of ``mesh query``. In text every value is DuckDB's own text; NULL and the empty text differ."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TextIO

from platform_core.access.query import Answer
from platform_core.cli.documents import head, text_of
from platform_core.cli.table import print_table, visible
from platform_core.sql.quoting import fold

if TYPE_CHECKING:
    import pyarrow as pa

BATCH: Final = 10_000
GROUP: Final = 122_880
"""Rows of a group in Parquet, as DuckDB writes them."""
Row = Sequence[str | None]
_QUOTED: Final = re.compile(r'[",\r\n]|^\s|\s$|^$')
_NO_NUMBERS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')


def write_text(answer: Answer, format: str, limit: int, out: TextIO) -> bool:
    """Write up to ``limit`` rows, 0 for all, while the engine computes; returns whether there are more."""
    size = min(BATCH, limit + 1) if limit else BATCH
    every = chain.from_iterable(iter(lambda: answer.rows(size), []))
    # If the first row cannot be computed, nothing is written.
    every = chain(list(islice(every, 1)), every)
    rows = islice(every, limit or None)
    more = cache(lambda: next(every, None) is not None)
    match format:
        case "table":
            _write_table(answer, rows, out)
        case "json":
            _write_json(answer, rows, more, out)
        case _:
            lines = {"csv": _csv, "jsonl": _json_lines, "markdown": _markdown}[format](answer, rows)
            out.writelines(f"{line}\n" for line in lines)
    return more()


def write_arrow(answer: Answer, format: str, limit: int, out: BinaryIO) -> bool:
    """The same as Parquet or as Arrow: a file with an index, or a stream where the output has no places."""
    from pyarrow import ipc, parquet

    names = distinct(answer.columns)
    size = min(GROUP, limit + 1) if limit else GROUP

    def group() -> pa.Table:
        table = ipc.open_stream(answer.arrow(size)).read_all()
        table.validate(full=True)  # the other process is not trusted
        return table.rename_columns(names)

    table = group()
    made = (
        parquet.ParquetWriter if format == "parquet" else ipc.new_file if out.seekable() else ipc.new_stream
    )
    writer = made(out, table.schema)
    left = limit or None
    while table.num_rows and left != 0:
        part = table.slice(0, left)
        writer.write_table(part)
        left = left and left - part.num_rows
        table = table.slice(part.num_rows) if part.num_rows < table.num_rows else group()
    writer.close()  # not after a fault: without an end no reader takes it for whole
    return bool(table.num_rows)


def distinct(names: Sequence[str]) -> list[str]:
    """Names of which no two are equal for DuckDB."""
    seen, result = set[str](), list[str]()
    for name in names:
        new = next(
            n for n in chain((name,), map(f"{name}_{{}}".format, range(2, 10**9))) if fold(n) not in seen
        )
        seen.add(fold(new))
        result.append(new)
    return result


def _write_table(answer: Answer, rows: Iterator[Row], out: TextIO) -> None:
    """Lay out some thousands of rows at a time, each time with the heading."""
    numeric = [kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or "INT" in kind for kind in answer.types]
    page = list(islice(rows, BATCH))
    while True:
        cells = [["NULL" if value is None else value for value in row] for row in page]
        print_table(answer.columns, cells, numeric, out)
        if not (page := list(islice(rows, BATCH))):
            return
        print(file=out)


def _csv(answer: Answer, rows: Iterator[Row]) -> Iterator[str]:
    """An empty field is NULL, a quoted one the empty text."""

    def field(value: str | None) -> str:
        if value is None:
            return ""
        return '"' + value.replace('"', '""') + '"' if _QUOTED.search(value) else value

    return (",".join(map(field, row)) for row in chain((answer.columns,), rows))


def _markdown(answer: Answer, rows: Iterator[Row]) -> Iterator[str]:
    def cell(value: str | None) -> str:
        text = "NULL" if value is None else visible(value.replace("\\", "\\\\"), keep="\n")
        return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", "<br>")

    lines = ([cell(value) for value in row] for row in rows)
    rule = ["---"] * len(answer.columns)
    return (f"| {' | '.join(line)} |" for line in chain(([*map(cell, answer.columns)], rule), lines))


def _json_lines(answer: Answer, rows: Iterator[Row]) -> Iterator[str]:
    keys = [f"{json.dumps(name, ensure_ascii=False)}: " for name in distinct(answer.columns)]
    for row in rows:
        # JSON has no infinite numbers, and no NaN.
        values = ("null" if value is None else _NO_NUMBERS.sub(_as_text, value) for value in row)
        yield "{" + ", ".join(map(str.__add__, keys, values)) + "}"


def _as_text(found: re.Match[str]) -> str:
    return found[0] if found[0][0] == '"' else f'"{found[0]}"'


def _write_json(answer: Answer, rows: Iterator[Row], more: Callable[[], bool], out: TextIO) -> None:
    """Write one document with one row per line, so that a reader can stream it. Its last member ``complete``
    is false if rows are left out, or a value could not be computed."""
    names = distinct(answer.columns)
    columns: list[dict[str, Any]] = [
        {"name": name, "type": kind} for name, kind in zip(names, answer.types, strict=True)
    ]
    print(text_of({**head("query"), "columns": columns}).removesuffix("\n}"), end=',\n  "rows": [', file=out)
    complete, separator = False, "\n    "
    try:
        for line in _json_lines(answer, rows):
            out.write(f"{separator}{line}")
            separator = ",\n    "
        complete = not more()
    finally:
        print(f'\n  ],\n  "complete": {str(complete).lower()}\n}}', file=out)
