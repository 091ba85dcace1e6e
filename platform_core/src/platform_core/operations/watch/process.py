"""The watch as a process: rounds, one after the other, by the one watch that leads."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from platform_core.diagnostics import PlatformError
from platform_core.operations.store.database import leadership
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.round import Result, Rounds

EVERY: Final = timedelta(seconds=30)


def once(root: Path, ui: str | None) -> Result | None:
    """One round; None where another watch leads. Raises PlatformError."""
    with Journal.open(root) as journal, leadership(root, journal.database) as leads:
        return Rounds(root, journal, None, ui).round(datetime.now(UTC)) if leads else None


def watch(
    root: Path,
    every: timedelta,
    ui: str | None,
    shown: Callable[[Result], None],
    failed: Callable[[PlatformError], None],
    waiting: Callable[[], None],
) -> None:
    """Rounds until the process is interrupted. ``shown`` gets the result of each, ``failed`` a fault, after
    which the next round does the same again; ``waiting`` is called once where another watch leads."""
    noted = False
    while True:
        with ExitStack() as stack:
            try:
                journal = stack.enter_context(Journal.open(root))
                leads = stack.enter_context(leadership(root, journal.database))
                if not leads and not noted:
                    noted = True
                    waiting()
                rounds = Rounds(root, journal, every, ui)
                while leads:
                    began = time.monotonic()
                    shown(rounds.round(datetime.now(UTC)))
                    time.sleep(max(0.0, every.total_seconds() - (time.monotonic() - began)))
            except PlatformError as error:
                failed(error)
        time.sleep(every.total_seconds())
