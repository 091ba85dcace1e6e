"""The place of an error in own code, for every kind of error."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from platform_core.diagnostics import own_frame, own_line

CODE = "def outer():\n    inner()\n\n\ndef inner():\n    raise ValueError('no')\n"


def raised(path: Path, code: str, called: str) -> BaseException:
    path.write_text(code)
    names: dict[str, Callable[[], None]] = {}
    exec(compile(code, str(path), "exec"), names)
    with pytest.raises(ValueError, match="no") as caught:
        names[called]()
    return caught.value


def test_the_innermost_own_line_is_underlined_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "domain.py"
    error = raised(file, CODE, "outer")
    place = own_line(error, file.__eq__)
    assert place is not None
    assert (place.path, place.line, place.column, place.length) == (file, 6, 5, len("raise ValueError('no')"))
    assert own_frame(traceback.format_exception(error), file.__eq__) == place, "as Dagster records it"
    assert own_line(error, Path("/elsewhere").__eq__) is None


def test_a_syntax_error_has_the_place_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "domain.py"
    with pytest.raises(SyntaxError) as caught:
        compile("x = 1\ny = = 2\n", str(file), "exec")
    place = own_line(caught.value, file.__eq__)
    assert place is not None
    assert (place.path, place.line, place.column) == (file, 2, 5)
    # Of a text that is no file of one's own, such as a value that was parsed, nothing is told.
    with pytest.raises(SyntaxError) as caught:
        compile("= 2", "<a value>", "exec")
    assert own_line(caught.value, file.__eq__) is None
