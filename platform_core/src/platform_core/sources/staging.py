"""Staging: the sources of a run are copied into Parquet files by a process of its own, then read as files."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import duckdb

from platform_core.diagnostics import Diagnostic, Place, SourceError
from platform_core.settings import SECRETS, SOURCE_TIMEOUT, environment
from platform_core.sources.order import Order, Range, Staged
from platform_core.sources.source import Source
from platform_core.sql.quoting import file_literal, literal, quoted

_GRACE: Final = 30
"""Seconds after which a process is ended whose source does not keep the limit itself."""


@dataclass
class Staging:
    """The staged sources of one run, by argument; they are read together, at most once, when they are needed.

    ``columns`` are the declared or locked types, None for all of a file's. Raises SourceError S020 to S029
    where it reads.
    """

    orders: Mapping[str, Order]
    who: str
    """The product and its run, which a database shows as the name of the connection."""
    place: Place | None
    staged: dict[str, Staged] = field(default_factory=dict)
    _read: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns that were staged."""

    def read(self, used: Mapping[str, Collection[str]] | None = None) -> None:
        """Stage the columns that are used, by argument; by default all. Sources that are not used stay
        unread."""
        if self.staged:
            return
        wanted = [
            order if used is None else _narrowed(order, used[name])
            for name, order in self.orders.items()
            if used is None or name in used
        ]
        self.staged.update(stage(wanted, self.who, self.place) if wanted else {})
        self._read.update({order.argument: tuple(order.columns or ()) for order in wanted})

    def query(self, argument: str, opened: str | None = None) -> str:
        """SQL that reads a staged source in its declared types; a column that was not staged is NULL."""
        order = self.orders[argument]
        path = literal(opened) if opened else file_literal(Path(order.out))
        if order.columns is None:
            return f"SELECT * FROM read_parquet({path})"
        known = self._read.get(argument, ())
        items = (
            f"{quoted(name) if name in known else 'NULL'}::{kind} AS {quoted(name)}"
            for name, kind in order.columns.items()
        )
        return f"SELECT {', '.join(items)} FROM read_parquet({path})"

    def show(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let the views of the arguments read the staged rows."""
        for argument in self.staged:
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(argument)} AS {self.query(argument)}")


def order_of(
    argument: str,
    source: Source,
    columns: Mapping[str, str] | None,
    part: Range | None = None,
    folder: Path | None = None,
) -> Order:
    """The order for a source; without a folder only its columns are asked for. Raises SourceError S001 to
    S003 for a missing file."""
    path = str(source.locate()) if source.path and not source.remote else source.path
    located = replace(source, path=path, columns=None)
    return Order(argument, located, columns, part, str(folder / f"{argument}.parquet") if folder else "")


def _narrowed(order: Order, used: Collection[str]) -> Order:
    if order.columns is None:
        return order
    needed = {name: kind for name, kind in order.columns.items() if name in used}
    # A query that only counts rows reads one column.
    return replace(order, columns=needed or dict([next(iter(order.columns.items()))]))


def stage(orders: Sequence[Order], who: str, place: Place | None) -> dict[str, Staged]:
    """Read sources in a process of its own. Raises SourceError S020 to S029 at ``place``; KeyboardInterrupt
    ends the process."""
    seconds = SOURCE_TIMEOUT.seconds(3600, least=1)
    process = subprocess.Popen(
        [sys.executable, "-m", "platform_core.sources.stage_process"],
        env=_variables(orders),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Ctrl-C of the terminal would not end a read of a server.
        start_new_session=True,
    )
    try:
        answer, _ = process.communicate(pickle.dumps((orders, who, seconds)), timeout=seconds + _GRACE)
    except subprocess.TimeoutExpired:
        names = ", ".join(order.source.name for order in orders)
        message = f"reading {names} took longer than {seconds:g} seconds, and was ended"
        fix = f"Run it again, or set {SOURCE_TIMEOUT.name} higher."
        raise SourceError.of("S025", message, place, "a source that answers", fix) from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    try:
        answered = json.loads(answer)
    except ValueError:
        message = f"the process that reads {orders[0].source.name} ended with status {process.returncode}"
        fix = "Run it again. The published version is unchanged."
        raise SourceError.of("S025", message, place, "a process that ends by itself", fix) from None
    if faults := answered.get("faults"):
        raise SourceError(*(Diagnostic(c, m, place, expected, fix) for c, m, expected, fix in faults))
    return {argument: Staged(**found) for argument, found in answered["staged"].items()}


def _variables(orders: Sequence[Order]) -> dict[str, str]:
    """This process's environment, without the secrets that these sources do not name."""
    named = tuple(SECRETS + order.source.secret for order in orders if isinstance(order.source.secret, str))
    return {
        name: value
        for name, value in environment().items()
        if not name.startswith(SECRETS) or name.removesuffix("_FILE") in named or name in named
    }
