"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    right: Sequence[bool] = (),
) -> Table:
    """Rows under their column names; ``right`` tells which columns are aligned so, by default none."""
    built = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for position, column in enumerate(columns):
        # Text, not markup: a value such as [red] is data.
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
    """Print rows under their column names: cut to the terminal's width, whole where output is piped."""
    console = Console(highlight=False)
    if not console.is_terminal:
        widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
        console = Console(highlight=False, width=sum(widths) + 2 * len(widths) + 1, soft_wrap=True)
    console.print(table(columns, rows, right))


def _on_one_line(cell: str) -> str:
    """A value without characters that would command the terminal."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in cell
    )
