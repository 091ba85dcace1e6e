"""Run every test suite of the mesh, each in the environment it belongs to.

The library's in the root environment, each domain's in that domain's own, and `tests/`, which crosses
domains: what looks at the real mesh apart from the rest. Two at a time, the longest first, so that both
cores have work until the end. What a suite prints comes when it is done. A failing suite does not keep the
next from running. Ends with pytest's own closing line of each suite; the exit code is 1 when any of them
failed. Extra options for pytest: PYTEST_ADDOPTS.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 2
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Suite:
    """A folder with tests, and the interpreter that runs them."""

    name: str
    folder: Path
    python: Path
    only: str = ""
    """An expression over markers; empty for all tests of the folder."""


@dataclass(frozen=True)
class Result:
    suite: Suite
    passed: bool
    closing: str


def suites() -> list[Suite]:
    """All of them, the longest first."""
    tools = ROOT / ".venv/bin/python"
    domains = sorted(path.parent for path in ROOT.glob("domains/*/pyproject.toml"))
    return [
        Suite("tests of the real mesh", ROOT, tools, "real_mesh"),
        Suite("platform_core", ROOT / "platform_core", tools),
        Suite("tests of small meshes", ROOT, tools, "not real_mesh"),
        *(Suite(f"domains/{folder.name}", folder, folder / ".venv/bin/python") for folder in domains),
    ]


class Runner:
    """Runs suites as child processes, and stops them all at once."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()
        self._printing = threading.Lock()

    def run(self, suite: Suite) -> Result | None:
        """Run one suite to its end; None when there was no beginning."""
        environ = {
            name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}
        }
        environ["COLUMNS"] = str(shutil.get_terminal_size((110, 24)).columns)
        color = "yes" if sys.stdout.isatty() else "no"
        # The folder that holds the suite's settings: pytest then reads no conftest.py from above it.
        command = [str(suite.python), "-m", "pytest", f"--color={color}", "--rootdir=."]
        if suite.only:
            command += ["-m", suite.only]
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
                # A terminal's Ctrl-C reaches us alone; `stop` passes it on once.
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
        return Result(suite, passed=process.returncode == 0, closing=closing)

    def stop(self) -> None:
        """Interrupt what runs, as Ctrl-C would: pytest then ends what its tests started."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.send_signal(signal.SIGINT)


def main() -> int:
    """Run all suites; returns the exit code."""
    # A shell starts what it runs in the background deaf to Ctrl-C, and so would be every test of it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    runner = Runner()
    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        running = [threads.submit(runner.run, suite) for suite in suites()]
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
