"""The formats of ``mesh query``. In text every value is DuckDB's own text; NULL and the empty text differ."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any, BinaryIO, Final, TextIO

from platform_core.access.query import Answer
from platform_core.cli.documents import head, text_of
from platform_core.cli.table import print_table, visible
from platform_core.diagnostics import PlatformError
from platform_core.sealed.shapes import distinct

BATCH: Final = 10_000
GROUP: Final = 122_880  # rows of a group in Parquet, as DuckDB writes them
Rows = Iterator[Sequence[str | None]]


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
            out.writelines(_json(answer, rows, more))
        case _:
            lines = {"csv": _csv, "jsonl": _json_lines, "markdown": _markdown}[format](answer, rows)
            out.writelines(f"{line}\n" for line in lines)
    return more()


def write_arrow(answer: Answer, format: str, limit: int, out: BinaryIO) -> bool:
    """The same as Parquet or as Arrow: a file with an index, or a stream where the output has no places."""
    from pyarrow import ipc, parquet

    made = (
        parquet.ParquetWriter if format == "parquet" else ipc.new_file if out.seekable() else ipc.new_stream
    )
    writer: Any = None
    left, more = limit or None, False
    try:
        while True:
            table = answer.rows(min(GROUP, limit + 1) if limit else GROUP)
            part = table.slice(0, left)
            writer = writer or made(out, part.schema)
            writer.write_table(part)
            more = bool(part.num_rows < table.num_rows)
            if more or not table.num_rows:
                break
            left = left and left - part.num_rows
        writer.close()
    except BaseException:
        # Without its end no reader takes the output for whole. Parquet's writer would end it by itself.
        if format == "parquet" and writer is not None:
            writer.is_open = False
        raise
    return more


def _write_table(answer: Answer, rows: Rows, out: TextIO) -> None:
    """Lay out some thousands of rows at a time, each time with the heading."""
    numeric = [kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or "INT" in kind for kind in answer.types]
    page = list(islice(rows, BATCH))
    while True:
        cells = [["NULL" if value is None else value for value in row] for row in page]
        print_table(answer.columns, cells, numeric, out)
        if not (page := list(islice(rows, BATCH))):
            return
        print(file=out)


def _csv(answer: Answer, rows: Rows) -> Iterator[str]:
    """An empty field is NULL, a quoted one the empty text."""
    quoted = re.compile(r'[",\r\n]|^\s|\s$|^$').search

    def field(value: str | None) -> str:
        text = value or ""
        return '"' + text.replace('"', '""') + '"' if value is not None and quoted(text) else text

    return (",".join(map(field, row)) for row in chain([answer.columns], rows))


def _markdown(answer: Answer, rows: Rows) -> Iterator[str]:
    return map(markdown_line, chain([answer.columns, ["---"] * len(answer.columns)], rows))


def markdown_line(row: Sequence[str | None]) -> str:
    """A row of a table in Markdown."""
    cells = (visible("NULL" if v is None else v.replace("\\", "\\\\"), keep="\n") for v in row)
    shown = (cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", "<br>") for cell in cells)
    return f"| {' | '.join(shown)} |"


def _json_lines(answer: Answer, rows: Rows) -> Iterator[str]:
    # JSON has no infinite numbers, and no NaN.
    no_number = re.compile(r'("(?:[^"\\]|\\.)*")|(-?Infinity|NaN)')
    keys = [f"{json.dumps(name, ensure_ascii=False)}: " for name in distinct(answer.columns)]
    for row in rows:
        values = (no_number.sub(lambda found: found[1] or f'"{found[2]}"', value or "null") for value in row)
        yield "{" + ", ".join(map(str.__add__, keys, values)) + "}"


def _json(answer: Answer, rows: Rows, more: Callable[[], bool]) -> Iterator[str]:
    """One document with one row per line, so that a reader can stream it. Its last member ``complete`` is
    false if rows are left out, or a value could not be computed."""
    described = zip(distinct(answer.columns), answer.types, strict=True)
    facts: dict[str, Any] = {"columns": [{"name": name, "type": kind} for name, kind in described]}
    yield text_of({**head("query", 2), **facts}).removesuffix("\n}") + ',\n  "rows": ['
    separator, end = "\n    ", '\n  ],\n  "complete": {}\n}}\n'
    try:
        for line in _json_lines(answer, rows):
            yield f"{separator}{line}"
            separator = ",\n    "
        complete = not more()
    except (PlatformError, KeyboardInterrupt):
        yield end.format("false")
        raise
    yield end.format(str(complete).lower())
