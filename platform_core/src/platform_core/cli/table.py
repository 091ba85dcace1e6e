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

GAP: Final = "  "
NARROW: Final = 20
"""Cells: a text that is folded to less is hard to read."""
BOLD, RED, YELLOW, GREEN = "1", "1;31", "33", "32"
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
    for line in table_lines(*cells, right=right, width=_width(out), colour=coloured(out)):
        print(line, file=out)


def print_text(text: str, label: str = "") -> None:
    """Print the lines of a text to the right of a label, or of as many spaces."""
    width = _width(sys.stdout)
    if width and label and width - len(label) < NARROW:  # the text below its label
        if label.strip():
            print(label.strip())
        label = "  "
    for line in visible(text, sys.stdout.encoding, keep="\n").split("\n"):
        for part in fold(line, width - len(label)) if width else [line]:
            print(f"{label}{part}".rstrip())
            label = " " * len(label)


def table_lines(
    heading: Sequence[str],
    *rows: Sequence[str],
    right: Sequence[bool] = (),
    width: int | None = None,
    colour: bool = False,
) -> Iterator[str]:
    """The lines of a table of ``visible`` cells: a grid, where need be with folded texts, or else a record
    for each row. ``width`` is that of the terminal."""
    widths = _grid(heading, rows, right, width)
    if widths is None:
        yield from _records(heading, rows, width or 0, colour)
        return
    for row in (heading, *rows):
        styles = [BOLD if row is heading else _style(*cell) for cell in zip(heading, row, strict=True)]
        folded = [fold(cell, each) for cell, each in zip(row, widths, strict=True)]
        for parts in zip_longest(*folded, fillvalue=""):
            line = ""
            for position, (part, each, style) in enumerate(zip(parts, widths, styles, strict=True)):
                gap, shown = " " * (each - cell_len(part)), painted(part, style if colour else "")
                line += (gap + shown if position < len(right) and right[position] else shown + gap) + GAP
            yield line.rstrip()


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
        text = "".join(
            c if c.isprintable() or c in keep or category(c) == "Zs" else ascii(c)[1:-1] for c in text
        )
    return text if text.isascii() else text.encode(encoding, "backslashreplace").decode(encoding)


def coloured(stream: TextIO) -> bool:
    """Whether a stream is a terminal with colours."""
    variables = environment()
    return stream.isatty() and not variables.get("NO_COLOR") and variables.get("TERM") != "dumb"


def emphasized(diagnostics: str) -> str:
    """Diagnostics with coloured severities, if standard error has colours."""
    if not coloured(sys.stderr):
        return diagnostics
    colours = {"error": RED, "warning": YELLOW}
    return re.sub(
        r"(?m)^(error|warning)(?=\[)", lambda found: painted(found[1], colours[found[1]]), diagnostics
    )


def painted(text: str, style: str) -> str:
    return f"\033[{style}m{text}\033[0m" if style and text else text


def _width(out: TextIO) -> int | None:
    return get_terminal_size().columns if out.isatty() else None


def _grid(
    heading: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], width: int | None
) -> list[int] | None:
    """The width of each column; None if a grid is too wide."""
    columns = list(zip(heading, *rows, strict=True))
    needs = [max(map(cell_len, cells)) for cells in columns]
    room = sum(needs) if width is None else width - len(GAP) * (len(needs) - 1)
    if sum(needs) <= room:
        return needs
    # Numbers are not folded, and words are not broken.
    words = [max(cell_len(word) for cell in cells for word in cell.split(" ")) for cells in columns]
    numbers = [*right, *[False] * (len(needs) - len(right))]
    least = [
        need if number else max(word, min(need, NARROW))
        for need, number, word in zip(needs, numbers, words, strict=True)
    ]
    for most in range(room, 0, -1):
        widths = [max(few, min(need, most)) for few, need in zip(least, needs, strict=True)]
        if sum(widths) <= room:
            return widths
    return None


def _records(
    heading: Sequence[str], rows: Sequence[Sequence[str]], width: int, colour: bool
) -> Iterator[str]:
    label = max(map(cell_len, heading))
    room = width - label - 3
    for number, row in enumerate(rows, 1):
        yield painted(f"-[ {number} ]".ljust(min(width, 60), "-")[:width], BOLD if colour else "")
        for name, cell in zip(heading, row, strict=True):
            if room < min(NARROW, width // 2):  # the value below its label
                yield from fold(name, width)
                yield from (f"  {part}".rstrip() for part in fold(cell, max(1, width - 2)))
                continue
            for line, part in enumerate(fold(cell, room)):
                shown = name + " " * (label - cell_len(name)) if line == 0 else " " * label
                yield f"{shown} | {painted(part, _style(name, cell) if colour else '')}".rstrip()


def _style(column: str, cell: str) -> str:
    return STATES.get(cell, "") if column in ("state", "status") else ""
