"""The tutorial, executed as it is written, in a new clone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from mesh_command import ROOT

PAGE = ROOT / "docs/tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`(domains/\S+\.yaml)`")
MOST_COMMANDS = 12
MOST_LINES = 40


def steps() -> list[tuple[str, str, str]]:
    """The blocks of the page: language, text, and the file that the text before it names last."""
    found, end = [], 0
    text = PAGE.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        named = FILE.findall(text[end : match.start()])
        found.append((match[1], match[2], named[-1] if named else ""))
        end = match.end()
    return found


def commands() -> list[str]:
    return [line for kind, text, _ in steps() if kind == "sh" for line in text.splitlines()]


def test_the_tutorial_is_short() -> None:
    lines = [line for kind, text, _ in steps() if kind != "sh" for line in text.splitlines()]
    assert len(commands()) <= MOST_COMMANDS
    assert len(lines) <= MOST_LINES


@pytest.mark.full
def test_every_step_works(tmp_path: Path) -> None:
    clone = tmp_path / "dagster-data-mesh"
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("MESH_", "DAGSTER_"))
    }
    database: subprocess.Popen[str] | None = None
    output = ""
    try:
        for kind, text, file in steps():
            if kind == "yaml":
                decide(clone / file, text)
                continue
            for command in text.splitlines():
                if command.startswith("git clone"):
                    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
                elif "tutorial_database.py" in command:
                    database = subprocess.Popen(
                        command.split(), cwd=clone, env=environ, stdout=subprocess.PIPE, text=True
                    )
                    assert database.stdout is not None
                    name, _, value = database.stdout.readline().removeprefix("export ").partition("=")
                    environ[name] = value.strip().strip("'")
                elif command.startswith("export"):
                    assert command.split()[1].partition("=")[0] in environ
                else:
                    done = subprocess.run(
                        command, shell=True, cwd=clone, env=environ, capture_output=True, text=True
                    )
                    output = done.stdout
                    assert done.returncode == 0, f"{command}\n{output}{done.stderr}"
    finally:
        if database is not None:
            database.send_signal(signal.SIGINT)
            database.wait()
    assert {"Lisbon", "Oslo", "Prague", "Rome"} <= set(output.split())


def decide(contract: Path, text: str) -> None:
    """Replace the lines with DECIDE by the given ones, in their order."""
    given = iter(text.splitlines())
    lines = [next(given) if "DECIDE" in line and not line.startswith("#") else line
             for line in contract.read_text(encoding="utf-8").splitlines()]  # fmt: skip
    assert next(given, None) is None, "a line of the page has no line with DECIDE"
    contract.write_text("\n".join(lines) + "\n", encoding="utf-8")
