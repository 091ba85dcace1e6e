"""One location's worker: a process in the location's own interpreter that loads it once and executes orders.

The coordinator starts ``python -m platform_core.workspace.worker``. Messages arrive on standard input and
leave on the original standard output; the output of the domain's code goes to standard error, which is the
location's log. The end of the input means stop: it comes at the end of the run, after an interrupt and when
the coordinator dies, so no worker is left running.
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
from platform_core.workspace.run.partition_keys import partition_tags

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.remote_origin import RemoteRepositoryOrigin

    from platform_core.workspace.dagster_internals import PreparedRun
    from platform_core.workspace.run.progress import Progress

INSIST_SECONDS: Final = 2.5
STOP_SECONDS: Final = 8.0
"""Seconds for an interrupted run to roll back before its whole process group is killed."""


class Channel:
    """The channel to the coordinator, which the location's code cannot reach."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._input = os.fdopen(os.dup(0), "rb")
        self._output: BinaryIO = os.fdopen(os.dup(1), "wb", buffering=0)
        # Children such as dbt inherit these instead, and can neither read nor disturb the messages.
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        self.instance: dg.DagsterInstance | None = None
        self.running: str | None = None
        """The id of the unfinished run."""
        self.stopping = False
        self.starting = threading.Lock()
        """Held between recording a run and knowing its id, when an interrupt must wait."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def next(self) -> Order:
        """The next order. Raises KeyboardInterrupt at the end of the input."""
        order = self._orders.get()
        if order is None:
            raise KeyboardInterrupt
        return order

    def send(self, message: Message) -> None:
        self._output.write(encode(message))

    def settle(self) -> None:
        """Record an interrupted run as canceled."""
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
        with self.starting:
            self.stopping = True
        if self.running is not None and self.instance is not None:
            from platform_core.workspace.dagster_internals import announce_cancel

            announce_cancel(self.instance, self.running)
        while True:
            # Repeatedly, because a destructor or a callback may swallow an interrupt.
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
        # The coordinator stops the worker, or has died.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        channel.settle()
    end_descendants(patience=1.0)
    sys.stderr.flush()
    # Without the interpreter's shutdown, in which libraries may hang; everything is committed.
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
        workspace = Path(options.workspace)
        origin = dagster_internals.repository_origin(workspace, options.location, repository.name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001
        # The location's code can fail in any way, sys.exit included.
        doing = f"code location {options.location} does not load"
        channel.send(Unloadable(explain_exception(error, doing, "R001")))
        return
    channel.instance = instance
    channel.send(Loaded(assets, __version__, PROTOCOL))
    while True:
        order = channel.next()
        _materialize(channel, repository, origin, order)
        channel.send(Ended(order.number))


def _materialize(
    channel: Channel, repository: dg.RepositoryDefinition, origin: RemoteRepositoryOrigin, order: Order
) -> None:
    import dagster as dg

    from platform_core.products.run.context import INVOCATION_TAG
    from platform_core.workspace.dagster_internals import RETRIES_TAG, PreparedRun
    from platform_core.workspace.failure_text import explain_exception
    from platform_core.workspace.instance import PROCESS_TAG
    from platform_core.workspace.run.progress import Progress

    assert channel.instance is not None
    progress = Progress(order.assets)
    keys = [dg.AssetKey.from_user_string(key) for key in order.assets]
    runs = list(partition_tags(order.partitions, order.per_run))
    reason = Diagnostic("R006", f"the run of {', '.join(order.assets)} ended before this asset").render()
    try:
        for number, tags in enumerate(runs, start=1):
            # No retries: `mesh run` reports the failure, and the daemon would retry the run with these tags.
            tags |= {PROCESS_TAG: signature(os.getpid()), INVOCATION_TAG: order.invocation, RETRIES_TAG: "0"}
            with channel.starting:
                if channel.stopping:
                    raise KeyboardInterrupt
                run = PreparedRun(repository, origin, channel.instance, keys, tags)
                channel.running = run.run.run_id
            progress.expect(run.steps)
            _execute(channel, run, progress, last=number == len(runs))
            if channel.stopping:
                raise KeyboardInterrupt
            channel.running = None
            if progress.failed():
                break
    except KeyboardInterrupt:
        raise
    except Exception as error:  # noqa: BLE001
        # The run could not be planned, or Dagster ended it.
        reason = explain_exception(error, f"the run of {', '.join(order.assets)} failed", "R006")
    for moved in progress.conclude(reason):
        channel.send(moved)


def _execute(channel: Channel, run: PreparedRun, progress: Progress, last: bool) -> None:
    import dagster as dg

    try:
        for event in run.events():
            for moved in progress.take(event, last):
                channel.send(moved)
            if event.event_type == dg.DagsterEventType.PIPELINE_FAILURE and not progress.failed():
                progress.fail(event)
    except dg.DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None


if __name__ == "__main__":
    main()
