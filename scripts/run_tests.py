"""Run every test suite of the mesh, each in the environment it belongs to.

The library's in the root environment, each domain's in that domain's own, then `tests/`, which crosses
domains. A failing suite does not keep the next from running. Ends with pytest's own closing line of each
suite; the exit code is 1 when any of them failed. Extra options for pytest: PYTEST_ADDOPTS.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Suite:
    """A folder with tests, and the interpreter that runs them."""

    name: str
    folder: Path
    python: Path


@dataclass(frozen=True)
class Result:
    suite: Suite
    passed: bool
    closing: str


def suites() -> list[Suite]:
    """The library, the domains in alphabetical order, and what crosses them."""
    tools = ROOT / ".venv/bin/python"
    domains = sorted(path.parent for path in ROOT.glob("domains/*/pyproject.toml"))
    return [
        Suite("platform_core", ROOT / "platform_core", tools),
        *(Suite(f"domains/{folder.name}", folder, folder / ".venv/bin/python") for folder in domains),
        Suite("tests", ROOT, tools),
    ]


def run(suite: Suite) -> Result:
    """Run one suite, passing on what it prints as it comes."""
    print(f"\n── {suite.name} ".ljust(80, "─"), flush=True)
    environ = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}}
    environ["COLUMNS"] = str(shutil.get_terminal_size((110, 24)).columns)
    color = "yes" if sys.stdout.isatty() else "no"
    # The folder that holds the suite's settings: pytest then reads no conftest.py from above it.
    command = [str(suite.python), "-m", "pytest", f"--color={color}", "--rootdir=."]
    process = subprocess.Popen(
        command, cwd=suite.folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    end = b""
    try:
        while chunk := os.read(process.stdout.fileno(), 65536):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            end = (end + chunk)[-4096:]
    finally:
        process.wait()
    lines = [line for line in ESCAPES.sub("", end.decode(errors="replace")).splitlines() if line.strip(" =")]
    closing = lines[-1].strip(" =") if lines else "printed nothing"
    return Result(suite, passed=process.returncode == 0, closing=closing)


def main() -> int:
    """Run all suites; returns the exit code."""
    try:
        results = [run(suite) for suite in suites()]
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    print("\n── all suites ".ljust(80, "─"))
    width = max(len(result.suite.name) for result in results)
    for result in results:
        print(f"{result.suite.name:<{width}}  {'  ok  ' if result.passed else 'FAILED'}  {result.closing}")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
