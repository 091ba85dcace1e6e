"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[bool] | None = None
) -> None:
    """Print rows under their column names: cut to the terminal's width, whole where output is piped."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
        console = Console(highlight=False, width=sum(widths) + 2 * len(widths) + 1, soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for position, column in enumerate(columns):
        # Text, not markup: a value such as [red] is data.
        table.add_column(
            Text(column),
            justify="right" if right and right[position] else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(_shown(cell)) for cell in row))
    console.print(table)


def _shown(cell: str) -> str:
    """A value on one line, without characters that would command the terminal."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in cell
    )
