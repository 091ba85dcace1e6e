"""Run one set of the tests of the mesh, each suite in its own environment.

Without an argument: all tests except those marked `full`. `full`: only those. `scale`: those of `full` that
start the servers of a deployment. `fast`: as without an argument, but no tests of the mesh of all products.

The library's suites run in the root environment, each domain's in the domain's own. `tests/`, across domains,
has two suites: tests of the mesh of all products, and the others. Two suites run at a time, the longest
first, so that both cores have work until the end. Each suite prints its output at its end, and a failing
suite does not stop the others. The last lines are pytest's closing lines of each suite; the exit code is 1 if
any has failed. Extra options for pytest: PYTEST_ADDOPTS.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 2
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
NOTHING_SELECTED = 5
"""Pytest's exit code if it ran no test."""
SETS = ("most", "full", "scale", "fast")
LONG = ("tests/lake", "tests/products", "tests/workspace")
"""The folders of the library's tests that start processes and write lakes."""


@dataclass(frozen=True)
class Suite:
    """A folder with tests, and its interpreter."""

    name: str
    folder: Path
    python: Path
    only: str
    """An expression of markers."""
    words: tuple[str, ...] = ()
    """Further arguments for pytest."""
    may_be_empty: bool = False
    """Whether the expression may select no test of the folder."""


@dataclass(frozen=True)
class Result:
    suite: Suite
    passed: bool
    closing: str


def suites(chosen: str) -> list[Suite]:
    """The suites of a set, the longest first."""
    tools, core = ROOT / ".venv/bin/python", ROOT / "platform_core"
    if chosen == "scale":
        return [
            Suite("tests across domains", ROOT, tools, "scale"),
            Suite("platform_core", core, tools, "scale"),
        ]
    only = "full" if chosen == "full" else "not full"
    others = tuple(f"--ignore={folder}" for folder in LONG)
    found = [
        Suite("tests of the real mesh", ROOT, tools, f"real_mesh and {only}"),
        Suite("platform_core: lake, products, workspace", core, tools, only, LONG),
        Suite("platform_core: the rest", core, tools, only, others),
        Suite("tests of small meshes", ROOT, tools, f"not real_mesh and {only}"),
    ]
    for folder in sorted(path.parent for path in ROOT.glob("domains/*/pyproject.toml")):
        python = folder / ".venv/bin/python"
        # Most domains have no slow test.
        found.append(Suite(f"domains/{folder.name}", folder, python, only, may_be_empty=chosen == "full"))
    if chosen == "full":
        # By far the longest of this set: the other core would wait for it.
        small = found.pop(3)
        halves = {"tests of small meshes": "not scale", "tests of hosts": "scale"}
        found[:0] = [
            replace(small, name=name, only=f"{small.only} and {half}") for name, half in halves.items()
        ]
    return found[1:] if chosen == "fast" else found


class Runner:
    """Runs suites as child processes, and can stop them all."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()
        self._printing = threading.Lock()

    def run(self, suite: Suite) -> Result | None:
        """Run one suite to its end; None if the runner was stopped before."""
        environ = {
            name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}
        }
        environ["COLUMNS"] = str(shutil.get_terminal_size((110, 24)).columns)
        color = "yes" if sys.stdout.isatty() else "no"
        # The folder with the suite's settings, so that pytest reads no conftest.py above it.
        command = [str(suite.python), "-m", "pytest", f"--color={color}", "--rootdir=.", "-m", suite.only]
        command += suite.words
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(
                command,
                cwd=suite.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # Ctrl-C of the terminal reaches only this process; `stop` passes it on once.
                start_new_session=True,
            )
            self._running.add(process)
        started = time.monotonic()
        output = process.communicate()[0]
        with self._lock:
            self._running.remove(process)
        with self._printing:
            print(f"\n── {suite.name}, {time.monotonic() - started:.0f} s ".ljust(80, "─"), flush=True)
            sys.stdout.buffer.write(output)
            sys.stdout.buffer.flush()
        text = ESCAPES.sub("", output.decode(errors="replace"))
        lines = [line for line in text.splitlines() if line.strip(" =")]
        closing = lines[-1].strip(" =") if lines else "printed nothing"
        # Without any test, pytest did not find the folder's tests.
        empty = suite.may_be_empty and process.returncode == NOTHING_SELECTED and "deselected" in closing
        return Result(suite, passed=process.returncode == 0 or empty, closing=closing)

    def stop(self) -> None:
        """Interrupt the running suites, as Ctrl-C would: pytest then ends the processes of its tests."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.send_signal(signal.SIGINT)


def main() -> int:
    """Run the suites of the set that the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("set", nargs="?", choices=SETS, default="most")
    chosen = parser.parse_args().set
    # A shell makes background programs ignore Ctrl-C, and the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    runner = Runner()
    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        running = [threads.submit(runner.run, suite) for suite in suites(chosen)]
        try:
            results = [result for each in running if (result := each.result()) is not None]
        except KeyboardInterrupt:
            runner.stop()
            print("\nInterrupted.", file=sys.stderr)
            return 130
    print("\n── all suites ".ljust(80, "─"))
    width = max(len(result.suite.name) for result in results)
    for result in results:
        print(f"{result.suite.name:<{width}}  {'  ok  ' if result.passed else 'FAILED'}  {result.closing}")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
