"""The coordinator's end of one location's worker process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from platform_core.diagnostics import Diagnostic, RunError, shown
from platform_core.settings import WORKSPACE
from platform_core.source.workspace import Location
from platform_core.workspace.home import Home
from platform_core.workspace.processes.living import kill_group
from platform_core.workspace.processes.start import location_command, location_variables, start
from platform_core.workspace.protocol import Message, decode, encode

READ: Final = 1 << 16


class WorkerProcess:
    """One worker process, its messages and its end.

    It leads a session of its own: the terminal's Ctrl-C reaches only the coordinator, and killing
    its group ends what it started (dbt, for one) together with it.
    """

    def __init__(self, location: Location, root: Path, home: Home) -> None:
        """Start it.

        Raises:
            RunError: R001, the location's interpreter is missing or does not run.
            DefinitionError: D071, its domain names no variables of the environment.
        """
        self.location = location
        self.log = home.logs / f"{location.name}.log"
        where = ("--workspace", str(root / WORKSPACE), "--home", str(home.dagster))
        command = location_command(location, "platform_core.workspace.worker", *where)
        variables = location_variables(location, root, home)
        with startable(location), self.log.open("ab") as log:
            self._logged = log.tell()
            self._process = start(
                command, variables, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders: IO[bytes] = self._process.stdin
        self.output: IO[bytes] = self._process.stdout
        self._half = b""
        self._over = False

    def send(self, message: Message) -> None:
        """Give an order. One to a worker that has just died is lost; its end tells of it."""
        try:
            self._orders.write(encode(message))
            self._orders.flush()
        except BrokenPipeError:
            return

    def receive(self) -> list[Message] | None:
        """The messages that have arrived, without waiting beyond the first bytes; None at the end."""
        data = os.read(self.output.fileno(), READ)
        if not data:
            return None
        *lines, self._half = (self._half + data).split(b"\n")
        try:
            return [decode(line) for line in lines]
        except ValueError:
            # Not our messages any more: some code got hold of the line. It cannot be trusted.
            self.kill()
            return None

    def stop(self) -> None:
        """Ask it to end: a running run is interrupted, rolls back and is recorded as canceled."""
        try:
            self._orders.close()
        except BrokenPipeError:
            return

    def ended(self, seconds: float) -> bool:
        """Whether it has ended within some seconds; what it left behind is then killed."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self._sweep()
        return True

    def kill(self) -> None:
        """End it and what it started, now."""
        self._sweep()
        self._process.wait()

    def _sweep(self) -> None:
        # Once only: afterwards the number may belong to somebody else.
        if not self._over:
            self._over = True
            kill_group(self._process.pid)
            self.output.close()
            self.stop()

    def exit_report(self, doing: str, published: Iterable[str] = ()) -> Diagnostic:
        """Why it ended though nobody asked it to, and how to see what it has ``published``. Call after its
        end."""
        code = self._process.wait()
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            fix = "out of memory is the usual reason" if -code == signal.SIGKILL else None
        else:
            how, fix = f"ended by itself with exit code {code}", None
        seen = [f"`mesh history {name}` tells whether it was published before" for name in published]
        last = self._last_log_line()
        message = f"the worker of {self.location.name} {how} {doing}" + (f": {last}" if last else "")
        fix = "; ".join(filter(None, (fix, f"its log is {shown(self.log)}", *seen)))
        return Diagnostic("R002", message, fix=fix)

    def _last_log_line(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._logged)
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else ""


@contextmanager
def startable(location: Location) -> Iterator[None]:
    """Within it a location's interpreter is started. Raises RunError R001 where it cannot be."""
    try:
        yield
    except OSError as error:
        message = f"code location {location.name} does not load: {error.strerror}: {shown(location.python)}"
        fix = f"see whether {shown(location.python)} runs under {sys.platform}"
        if isinstance(error, FileNotFoundError):
            fix = "`make setup` makes the environment of every location"
        raise RunError.of("R001", message, fix=fix) from None
