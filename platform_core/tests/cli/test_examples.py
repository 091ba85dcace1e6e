"""Examples of codes that are one command, run in the valid mesh. A comment behind one names another
situation."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from governance.mutating import valid_copy

from platform_core.cli import main
from platform_core.codes import known_codes, meaning

COMMANDS = [
    (code, command, breaks)
    for code in known_codes()
    if (texts := meaning(code)) is not None
    for command, breaks in ((texts.failing, True), (texts.passing, False))
    if command.startswith("$ mesh ") and not {*command} & {"#", "\n", ";", "&"}
]


@pytest.mark.parametrize(("code", "command", "breaks"), COMMANDS)
def test_a_command_gets_its_code(
    code: str,
    command: str,
    breaks: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(valid_copy(tmp_path))
    main(shlex.split(command)[2:])
    assert (f"error[{code}]" in capfd.readouterr().err) is breaks
