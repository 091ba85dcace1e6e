"""Tables: every value at every width, no line wider than the terminal, no value that moves the cursor."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from cli.one_shop import one_shop
from rich.cells import cell_len

from platform_core.cli.table import fold, table_lines, visible

WIDTHS = (20, 60, 80, 100, 200)
HOSTILE = (
    *(
        "",
        " ",
        "plain",
        "two words",
        "x" * 300,
        "sales/store_performance",
        "日本語の製品" * 9,
        "e\u0301" * 30,
    ),
    *(
        "👩‍👩‍👧 family",
        "a\u00a0b",
        "tab\there",
        "\x1b[2J\x1b[31mred",
        "line\nline\r\n",
        "\x9b31m",
        "\u202eltr",
        "\ufeff",
    ),
)


def squeezed(text: str) -> str:
    return re.sub(r"[\s|]", "", text)


@pytest.mark.parametrize("width", [*range(1, 30), *WIDTHS])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_every_value_is_there_and_no_line_is_wider(width: int, count: int) -> None:
    cells = [visible(text) for text in HOSTILE]
    rows = [[*cells[n:], *cells[:n]][:count] for n in range(len(cells))]
    heading = ["a", "a longer label", "c", "数", *"efgh"][:count]
    lines = list(table_lines([heading, *rows], [True], width))
    # A cell of two columns does not fit into one, and a record needs two to indent.
    assert max(map(cell_len, lines)) <= max(width, 4)
    text = squeezed("".join(lines)) if width < 60 else squeezed("\n".join(lines))
    if lines[0].startswith("-"):  # in records a value is in lines of its own
        assert all(squeezed(cell) in text for row in rows for cell in row)
    assert all(line.isprintable() or "\u00a0" in line for line in lines)


def test_a_grid_folds_the_widest_texts_and_never_a_number() -> None:
    rows = [["sales/transactions", "1,469,307", "what was bought " * 6, "by whom it was bought " * 4]]
    lines = list(table_lines([["product", "rows", "purpose", "owner"], *rows], [False, True], 80))
    assert lines[0].split() == ["product", "rows", "purpose", "owner"]
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("sales/transactions  1,469,307  what was bought")
    assert all(line.startswith(" " * 31) for line in lines[2:])


def test_rows_that_do_not_fit_become_records() -> None:
    lines = list(table_lines([["name", "value"], ["x" * 30, "y z"], ["", "NULL"]], width=20))
    assert lines == [
        *("-[ 1 ]--------------", "name  | " + "x" * 12, "      | " + "x" * 12, "      | " + "x" * 6),
        *("value | y z", "-[ 2 ]--------------", "name  |", "value | NULL"),
    ]


def test_a_pipe_gets_whole_lines() -> None:
    assert list(table_lines([["a", "b"], ["x" * 500, "y"]])) == ["a" + " " * 501 + "b", "x" * 500 + "  y"]


def test_a_value_cannot_move_the_cursor() -> None:
    assert visible("\x1b[2J\x07\n\t\r\x9b\u202e\u2028\ud800") == r"\x1b[2J\x07\n\t\r\x9b\u202e\u2028\ud800"
    assert visible("Zürich 日本", "latin-1") == "Zürich \\u65e5\\u672c"
    assert fold("日本語", 1) == ["日", "本", "語"]


def on_a_terminal(root: Path, width: int, *words: str, **variables: str) -> str:
    """The output of the command on a terminal of some columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    command = [sys.executable, "-m", "platform_core.cli", *words]
    with subprocess.Popen(
        command,
        cwd=root,
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env={**environment, "TERM": "xterm", **variables},
    ) as process:
        os.close(slave)
        found = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # Linux reports the end so
                part = b""
            if not part:
                break
            found += part
    os.close(master)
    assert process.returncode in (0, 1)
    return found.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = one_shop(tmp_path_factory.mktemp("made"))
    subprocess.run([sys.executable, "-m", "platform_core.cli", "-q", "run"], cwd=root, check=True)
    return root


FULL = [pytest.param(width, marks=() if width == 60 else pytest.mark.full) for width in WIDTHS]
VERBS = {
    "products": ["products", "--wide"],
    "status": ["status"],
    "show": ["show", "shop/stores"],
    "scorecard": ["scorecard"],
    "history": ["history", "shop/stores"],
    "query": ["query", "SELECT *, repeat('long ', 30) AS text, '日本' AS wide FROM shop.stores"],
}


@pytest.mark.full
@pytest.mark.parametrize("width", FULL)
def test_every_verb_shows_every_value_at_every_width(made: Path, width: int) -> None:
    for verb, words in VERBS.items():
        if width == 60 and verb not in ("products", "query"):
            continue
        command = [sys.executable, "-m", "platform_core.cli", *words]
        whole = subprocess.run(command, cwd=made, capture_output=True, text=True).stdout
        found = on_a_terminal(made, width, *words, NO_COLOR="1")
        assert all(squeezed(word) in squeezed(found) for word in whole.split()), (verb, found)
        # A snippet to paste is not folded.
        lines = found.partition("\nRead it")[0].splitlines()
        assert max(map(cell_len, lines)) <= width, (verb, found)


def test_colours_are_for_terminals_that_have_them(made: Path) -> None:
    words = ["query", "SELECT 'ok' AS status, store_id FROM shop.stores"]
    assert "\x1b[1mstatus\x1b[0m" in (coloured := on_a_terminal(made, 80, *words))
    assert "\x1b[32mok\x1b[0m" in coloured
    for off in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_a_terminal(made, 80, *words, **off)
