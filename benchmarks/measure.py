"""Running a command in its own process, with its time and its peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".mesh" / "bench"
MESH = ROOT / ".venv" / "bin" / "mesh"
# The kernel reports the peak in kilobytes, on macOS in bytes.
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


class BenchmarkFailed(Exception):
    """A measured command has failed; the message has the end of its output."""


@dataclass(frozen=True)
class Measured:
    """One process: seconds from start to end, CPU seconds (with its children), peak resident bytes, and the
    figures that it printed."""

    seconds: float
    processor: float
    peak: int
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def timed(self) -> float:
        """The seconds that the process itself measured, without its start and its imports."""
        return float(self.said["seconds"])


def run(command: Sequence[str], environ: Mapping[str, str]) -> Measured:
    """Run a command; its standard output or the last line of it may be a JSON object. Raises BenchmarkFailed
    for an exit code other than 0."""
    with tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            # An installed command has its bytecode.
            env={name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            end = (output + errors.read().decode(errors="replace")).strip().splitlines()[-25:]
            raise BenchmarkFailed(
                "\n  ".join([f"{' '.join(command)} ended with {process.returncode}:", *end])
            )
    whole = output.strip()
    last = whole if whole.startswith("{\n") else whole.rpartition("\n")[2]
    said = json.loads(last) if last.startswith("{") else {}
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * PEAK_UNIT, said)


def module(name: str, *arguments: str) -> list[str]:
    """The command for a module of this package in this environment."""
    return [sys.executable, "-m", f"benchmarks.{name}", *arguments]


def environ(home: Path) -> dict[str, str]:
    """The variables of a mesh with its state in ``home``, where one environment has the packages of all
    domains."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MESH_", "DAGSTER_"))}
    packages = sorted(ROOT.glob("domains/*/src"))
    return own | {
        "DAGSTER_HOME": str(home / "dagster"),
        "MESH_HOME": str(home),
        "MESH_ROOT": str(ROOT),
        # Dagster finds dbt's program on the PATH.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(map(str, packages)),
        "PYTHONWARNINGS": "ignore",
    }


@contextmanager
def fresh_home() -> Iterator[Path]:
    """A temporary folder for the state of a mesh, on the disk of the checkout."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="home-", dir=RESULTS) as folder:
        home = Path(folder)
        (home / "dagster").mkdir()
        yield home
