"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], right: Sequence[bool] = ()) -> Table:
    """A table of rows; ``right`` has whether each column is aligned right, by default none."""
    built = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for position, column in enumerate(columns):
        # Text, because markup such as [red] in a value is data.
        built.add_column(
            Text(column),
            justify="right" if right and right[position] else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        built.add_row(*(cell if isinstance(cell, Text) else Text(_on_one_line(cell)) for cell in row))
    return built


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str | Text]], right: Sequence[bool] = ()
) -> None:
    """Print a table, cut to the terminal's width; in full if the output is piped."""
    console = Console(highlight=False)
    if not console.is_terminal:
        widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
        console = Console(highlight=False, width=sum(widths) + 2 * len(widths) + 1, soft_wrap=True)
    console.print(table(columns, rows, right))


def _on_one_line(cell: str) -> str:
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in cell)
