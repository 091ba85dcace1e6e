"""Tables and texts: folded to the width of a terminal, in whole lines elsewhere. No value is ever cut."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from shutil import get_terminal_size
from typing import Final, TextIO
from unicodedata import category

from rich.cells import cell_len

from platform_core.settings import environment

NARROW: Final = 20  # a text that is folded to less is hard to read
BOLD, RED, GREEN, YELLOW = "1", "1;31", "32", "33"
STATES: Final = {
    **dict.fromkeys(("failed", "failing"), RED),
    **dict.fromkeys(("overdue", "stale", "skipped", "canceled"), YELLOW),
    "ok": GREEN,
}


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[bool] = (),
    file: TextIO | None = None,
) -> None:
    """Print a table; ``right`` has whether each column is aligned right, by default none."""
    out = file or sys.stdout
    cells = [[visible(cell, out.encoding) for cell in row] for row in (columns, *rows)]
    width = get_terminal_size().columns if out.isatty() else None
    variables = environment()
    coloured = bool(width) and not variables.get("NO_COLOR") and variables.get("TERM") != "dumb"
    out.writelines(f"{line}\n" for line in table_lines(cells, right, width, coloured))


def print_text(text: str, label: str = "") -> None:
    """Print the lines of a text to the right of a label, or below it where that is too narrow."""
    width = get_terminal_size().columns if sys.stdout.isatty() else None
    if width and label and width - len(label) < NARROW:
        print(label.strip(), end="\n" * bool(label.strip()))
        label = "  "
    for line in visible(text, sys.stdout.encoding, keep="\n").split("\n"):
        for part in fold(line, width - len(label)) if width else [line]:
            print(f"{label}{part}".rstrip())
            label = " " * len(label)


def table_lines(
    cells: Sequence[Sequence[str]],
    right: Sequence[bool] = (),
    width: int | None = None,
    coloured: bool = False,
) -> Iterator[str]:
    """The lines of a table, whose first row is the heading: a grid, if need be with folded texts, or else a
    record for each row. ``width`` is that of the terminal."""
    heading, *rows = cells
    numbers = [*right, *[False] * (len(heading) - len(right))]

    def painted(text: str, style: str) -> str:
        return f"\033[{style}m{text}\033[0m" if coloured and style and text else text

    def style(name: str, cell: str) -> str:
        return STATES.get(cell, "") if name in ("state", "status") else ""

    widths = _widths(cells, numbers, width)
    for number, row in enumerate(cells if widths else rows):
        if widths:
            folded = [fold(cell, each) for cell, each in zip(row, widths, strict=True)]
            styles = [style(*pair) if number else BOLD for pair in zip(heading, row, strict=True)]
            for parts in zip_longest(*folded, fillvalue=""):
                line = ""
                for part, each, how, to_right in zip(parts, widths, styles, numbers, strict=True):
                    gap = " " * (each - cell_len(part))
                    line += (gap + painted(part, how) if to_right else painted(part, how) + gap) + "  "
                yield line.rstrip()
            continue
        label, most = max(map(cell_len, heading)), width or 0
        yield painted(f"-[ {number + 1} ]".ljust(min(most, 60), "-")[:most], BOLD)
        for name, cell in zip(heading, row, strict=True):
            if (room := most - label - 3) < min(NARROW, most // 2):  # the value below its label
                yield from [*fold(name, most), *(f"  {part}".rstrip() for part in fold(cell, most - 2))]
                continue
            for part in fold(cell, room):
                yield f"{name}{' ' * (label - cell_len(name))} | {painted(part, style(name, cell))}".rstrip()
                name = ""


def fold(text: str, width: int) -> list[str]:
    """A text in lines of at most ``width`` cells, broken at spaces or within a longer word."""
    lines = [""]
    for part in re.findall(r" +|[^ ]+", text):
        if cell_len(lines[-1]) + cell_len(part) <= width:
            lines[-1] += part
        elif part[0] == " ":
            lines.append("")
        else:
            lines += [""] * bool(lines[-1])
            for letter in part:
                if lines[-1] and cell_len(lines[-1] + letter) > width:
                    lines.append("")
                lines[-1] += letter
    return lines


def visible(text: str, encoding: str = "utf-8", keep: str = "") -> str:
    """A text that cannot move the cursor: an escape for each control character, and for each letter that the
    encoding does not have."""
    if not text.isprintable():
        letters = (c if c.isprintable() or c in keep or category(c) == "Zs" else ascii(c)[1:-1] for c in text)
        text = "".join(letters)
    return text if text.isascii() else text.encode(encoding, "backslashreplace").decode(encoding)


def _widths(cells: Sequence[Sequence[str]], numbers: Sequence[bool], width: int | None) -> list[int] | None:
    """The width of each column of a grid; None if a grid is too wide."""
    columns = list(zip(*cells, strict=True))
    needs = [max(map(cell_len, column)) for column in columns]
    room = sum(needs) if width is None else width - 2 * (len(needs) - 1)
    # Numbers are not folded, and words are not broken.
    words = [max(cell_len(word) for cell in column for word in cell.split(" ")) for column in columns]
    least = [
        need if number else max(word, min(need, NARROW))
        for need, number, word in zip(needs, numbers, words, strict=True)
    ]
    for most in range(max(needs), 0, -1) if sum(least) <= room else ():
        widths = [max(few, min(need, most)) for few, need in zip(least, needs, strict=True)]
        if sum(widths) <= room:
            return widths
    return None
