"""One location's worker: a process in the location's own interpreter that loads it once and then
materializes what it is told to, run after run.

Started by the coordinator as ``python -m platform_core.workspace.worker``. Messages come in on
standard input and go out on what was standard output; whatever the domain's code prints goes to
standard error, which is the location's log. The end of the input means stop: it comes when the
coordinator is done, when it was interrupted and when it died, so nothing is ever left running.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

from platform_core.diagnostics import Diagnostic
from platform_core.version import __version__
from platform_core.workspace.processes.living import end_descendants, kill_group, signature
from platform_core.workspace.processes.start import location_options
from platform_core.workspace.protocol import (
    PROTOCOL,
    Ended,
    Loaded,
    Message,
    Order,
    Unloadable,
    decode,
    encode,
)

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.remote_origin import RemoteRepositoryOrigin

    from platform_core.workspace.dagster_internals import PreparedRun
    from platform_core.workspace.run.progress import Progress

INSIST_SECONDS: Final = 2.5
STOP_SECONDS: Final = 8.0
"""How long an interrupted run may take to roll back before its whole process group is killed."""

INVOCATION_TAG: Final = "mesh/invocation"
RETRIES_TAG: Final = "dagster/max_retries"


class Channel:
    """The line to the coordinator, out of reach of the code that the location loads."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._input = os.fdopen(os.dup(0), "rb")
        self._output: BinaryIO = os.fdopen(os.dup(1), "wb", buffering=0)
        # Children (dbt, for one) inherit these instead and can neither read nor disturb the messages.
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        self.instance: dg.DagsterInstance | None = None
        self.running: str | None = None
        """The id of the run that was recorded last and has not ended."""
        self.stopping = False
        self.calm = threading.Lock()
        """Held where an interrupt must wait: between recording a run and knowing its id."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def next(self) -> Order:
        """The next order. Raises KeyboardInterrupt at the end of the input."""
        order = self._orders.get()
        if order is None:
            raise KeyboardInterrupt
        return order

    def tell(self, message: Message) -> None:
        self._output.write(encode(message))

    def settle(self) -> None:
        """See to it that an interrupted run is recorded as ended."""
        if self.running is not None and self.instance is not None:
            from platform_core.workspace.dagster_internals import settle_cancel

            settle_cancel(self.instance, self.running)

    def _listen(self) -> None:
        for line in self._input:
            message = decode(line)
            if isinstance(message, Order):
                self._orders.put(message)
        timer = threading.Timer(STOP_SECONDS, kill_group, (os.getpgrp(),))
        timer.daemon = True
        timer.start()
        self._orders.put(None)
        with self.calm:
            self.stopping = True
        if self.running is not None and self.instance is not None:
            from platform_core.workspace.dagster_internals import announce_cancel

            announce_cancel(self.instance, self.running)
        while True:
            # More than once: an interrupt that meets a destructor or a callback is swallowed there.
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(INSIST_SECONDS)


def main() -> NoReturn:
    """Load the location, then follow orders until the input ends."""
    options = location_options("workspace", "home")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.enable()
    channel = Channel()
    try:
        _follow(channel, options)
    except (KeyboardInterrupt, BrokenPipeError):
        # Told to stop, or there is nobody left to tell.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        channel.settle()
    # What the domain's code started and left behind goes with us.
    end_descendants(patience=1.0)
    sys.stderr.flush()
    # Not through the interpreter's shutdown: libraries hang there, and everything is committed.
    os._exit(0)


def _follow(channel: Channel, options: argparse.Namespace) -> None:
    from platform_core.settings import mesh_root
    from platform_core.workspace import dagster_internals
    from platform_core.workspace.failure_text import explain_exception
    from platform_core.workspace.instance import shared_instance

    try:
        repository = dagster_internals.load_repository(options.module, options.attribute, options.directory)
        assets = dagster_internals.described(repository)
        instance = shared_instance(Path(options.home), mesh_root(), [options.location])
        origin = dagster_internals.repository_origin(
            Path(options.workspace), options.location, repository.name
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001
        # A location may fail in every way that code can, sys.exit included; it is told, not raised.
        doing = f"code location {options.location} does not load"
        channel.tell(Unloadable(explain_exception(error, doing, "R001")))
        return
    channel.instance = instance
    channel.tell(Loaded(assets, __version__, PROTOCOL))
    while True:
        order = channel.next()
        _materialize(channel, repository, origin, order)
        channel.tell(Ended(order.number))


def _materialize(
    channel: Channel, repository: dg.RepositoryDefinition, origin: RemoteRepositoryOrigin, order: Order
) -> None:
    import dagster as dg

    from platform_core.workspace.dagster_internals import PreparedRun
    from platform_core.workspace.failure_text import explain_exception
    from platform_core.workspace.instance import PROCESS_TAG
    from platform_core.workspace.run.progress import Progress

    assert channel.instance is not None
    progress = Progress(order.assets)
    keys = [dg.AssetKey.from_user_string(key) for key in order.assets]
    slices = list(_slices(order.partitions, order.per_run))
    reason = Diagnostic("R006", f"the run of {', '.join(order.assets)} ended before it came to this").render()
    try:
        for number, tags in enumerate(slices, start=1):
            # Whoever called `mesh run` is told: the daemon makes none of its runs again, under our tags.
            tags |= {PROCESS_TAG: signature(os.getpid()), INVOCATION_TAG: order.invocation, RETRIES_TAG: "0"}
            with channel.calm:
                if channel.stopping:
                    raise KeyboardInterrupt
                run = PreparedRun(repository, origin, channel.instance, keys, tags)
                channel.running = run.run.run_id
            progress.expect(run.steps)
            _execute(channel, run, progress, last=number == len(slices))
            if channel.stopping:
                raise KeyboardInterrupt
            channel.running = None
            if progress.failed():
                break
    except KeyboardInterrupt:
        raise
    except Exception as error:  # noqa: BLE001
        # A run that could not even be planned, or that Dagster gave up.
        reason = explain_exception(error, f"the run of {', '.join(order.assets)} broke off", "R006")
    for moved in progress.conclude(reason):
        channel.tell(moved)


def _execute(channel: Channel, run: PreparedRun, progress: Progress, last: bool) -> None:
    import dagster as dg

    try:
        for event in run.events():
            for moved in progress.take(event, last):
                channel.tell(moved)
            if event.event_type == dg.DagsterEventType.PIPELINE_FAILURE and not progress.failed():
                progress.broke_off(event)
    except dg.DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None


def _slices(keys: tuple[str, ...] | None, per_run: int) -> Iterator[dict[str, str]]:
    """The tags of each run that it takes to cover the keys."""
    from platform_core.workspace.dagster_internals import ONE_KEY, RANGE_END, RANGE_START

    if keys is None:
        yield {}
        return
    size = per_run or max(1, len(keys))
    for start in range(0, len(keys), size):
        part = keys[start : start + size]
        yield {ONE_KEY: part[0]} if len(part) == 1 else {RANGE_START: part[0], RANGE_END: part[-1]}


if __name__ == "__main__":
    main()
