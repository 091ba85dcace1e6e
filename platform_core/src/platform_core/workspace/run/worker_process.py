"""The worker process of a location, as the coordinator uses it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE, TimeoutExpired
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
    """One worker process and its messages.

    It has its own session: Ctrl-C of the terminal reaches only the coordinator, and killing its group also
    ends its children, such as dbt.
    """

    def __init__(self, location: Location, root: Path, home: Home) -> None:
        """Start it. Raises RunError R001 if the interpreter is missing or does not run, and DefinitionError
        D071 for wrong names of environment variables."""
        self.location = location
        self.log = home.logs / f"{location.name}.log"
        where = ("--workspace", str(root / WORKSPACE), "--home", str(home.dagster))
        command = location_command(location, "platform_core.workspace.worker", *where)
        variables = location_variables(location, root, home)
        with startable(location), self.log.open("ab") as log:
            self._logged = log.tell()
            self._process = start(command, variables, cwd=root, stdin=PIPE, stdout=PIPE, stderr=log)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders: IO[bytes] = self._process.stdin
        self.output: IO[bytes] = self._process.stdout
        self._half = b""
        self._over = False

    def send(self, message: Message) -> None:
        """Send an order. A worker that has just died loses it; ``receive`` then returns None."""
        with suppress(BrokenPipeError):
            self._orders.write(encode(message))
            self._orders.flush()

    def receive(self) -> list[Message] | None:
        """The messages that have arrived; it waits only for the first bytes. None at the end."""
        data = os.read(self.output.fileno(), READ)
        if not data:
            return None
        *lines, self._half = (self._half + data).split(b"\n")
        try:
            return [decode(line) for line in lines]
        except ValueError:
            self.kill()  # other code writes to the channel, so no message can be trusted
            return None

    def stop(self) -> None:
        """Ask it to end: a run is interrupted, rolled back and recorded as canceled."""
        with suppress(BrokenPipeError):
            self._orders.close()

    def ended(self, seconds: float) -> bool:
        """Whether it has ended within some seconds; if so, its remaining children are killed."""
        try:
            self._process.wait(seconds)
        except TimeoutExpired:
            return False
        self._sweep()
        return True

    def kill(self) -> None:
        self._sweep()
        self._process.wait()

    def left_behind(self) -> Diagnostic | None:
        """The work that goes on after ``kill``; None for a process."""
        return None

    def _sweep(self) -> None:
        # Only once, because another process may get its id afterwards.
        if not self._over:
            self._over = True
            kill_group(self._process.pid)
            self.output.close()
            self.stop()

    def exit_report(self, doing: str, published: Iterable[str] = ()) -> Diagnostic:
        """The diagnostic for an unexpected end, with the way to see whether products were ``published``. Call
        it after the end."""
        code = self._process.wait()
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
        fixes = [f"Read its log: {shown(self.log)}."]
        if -code == signal.SIGKILL:
            fixes.append("Check the memory: too little is the usual reason.")
        fixes += (f"`mesh history {name}` shows whether it was published before." for name in published)
        last = self._last_log_line()
        message = f"the worker of {self.location.name} {how} {doing}" + (f": {last}" if last else "")
        return Diagnostic("R002", message, fix=" ".join(fixes))

    def _last_log_line(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._logged)
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else ""


@contextmanager
def startable(location: Location) -> Iterator[None]:
    """For a block that starts a location's interpreter. Raises RunError R001 if it cannot start."""
    try:
        yield
    except OSError as error:
        message = f"code location {location.name} does not load: {error.strerror}: {shown(location.python)}"
        fix = f"Check whether {shown(location.python)} runs on {sys.platform}."
        if isinstance(error, FileNotFoundError):
            fix = "`make setup` creates the environment of every location."
        raise RunError.of("R001", message, fix=fix) from None
