"""A query in a process of its own, which parses, binds and runs SQL of readers and may be killed at any
time.

The parent finds the tables that the query names and opens their files; it never parses the SQL itself. It
unpickles the child's answers with the types of rows only.
"""

from __future__ import annotations

import io
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

import duckdb

from platform_core.lake.engine import memory_of
from platform_core.lake.local.lakes import LocalBytes
from platform_core.sealed.engine import products_read, sealed_engine, show_version, shut
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.landlock import die_with_parent, wall_off
from platform_core.sealed.ranges import AskedBytes, serve_ranges
from platform_core.sealed.shapes import IN_ARROW, Shape, begun, from_stream, load_arrow
from platform_core.sealed.version import VersionFiles
from platform_core.sql.allowed import NotAllowed, TableName, statements_read_at
from platform_core.sql.engine import trial

T = TypeVar("T")
_ROWS_ARE_OF: Final = {
    ("datetime", name) for name in ("date", "datetime", "time", "timedelta", "timezone")
} | {("decimal", "Decimal"), ("uuid", "UUID"), ("pytz", "_UTC"), ("builtins", "bytearray")}
"""The types of values in rows; a child may not send others."""
# Fork is fast. On macOS a forked process may not use the system's libraries.
_CONTEXT: Final = get_context("fork") if sys.platform == "linux" else get_context("spawn")
DAMAGED: Final = "damaged"
"""The kind of an answer that names the product with a damaged file."""
_PARSER_BYTES: Final = 1 << 30
"""Memory of the child on top of the engine's limit, which the parser and the binder do not obey."""


class QueryEnded(Exception):
    """A query without a result. ``kind`` is the class of DuckDB's error, ``timeout`` or ``death``."""

    def __init__(self, kind: str, words: str = "") -> None:
        super().__init__(words)
        self.kind = kind
        self.words = words


@dataclass(frozen=True, slots=True)
class SealedResult:
    """The result of a query, before its rows are fetched."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    read: frozenset[str] | None
    """Ids of the products that the plan reads; None if DuckDB cannot show the plan."""
    walled: bool
    """Whether Landlock protects other files too."""


@contextmanager
def sealed_query(sql: str, seconds: float | None) -> Iterator[SealedQuery]:
    """A child process that has only the text of the query; it is killed at the end."""
    ours, theirs = _CONTEXT.Pipe()
    with ExitStack() as copied:
        # Created before the fork: a DuckDB lock that another thread holds is never released in the copy.
        forks = _CONTEXT.get_start_method() == "fork"
        engine = copied.enter_context(sealed_engine()) if forks else None
        trial()
        process = _CONTEXT.Process(target=_serve, args=(theirs, engine), daemon=True)
        process.start()
    try:
        theirs.close()
        ours.send(sql)
        yield SealedQuery(ours, None if seconds is None else time.monotonic() + seconds)
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


@dataclass(frozen=True)
class SealedQuery:
    """A running query. Every method raises QueryEnded."""

    channel: Connection
    deadline: float | None

    def tables(self) -> list[TableName]:
        """The tables that the query names. Raises NotAllowed too."""
        return self._answer(lambda tables: [TableName(*table) for table in tables])

    def run(
        self,
        versions: Mapping[tuple[str, str], VersionFiles],
        files: SealedFiles,
        spill: Path | None,
        shape: Shape,
    ) -> SealedResult:
        """Begin the query over versions by product id and the text after ``AT``."""
        opened = files.opened
        with suppress(ConnectionError):  # _answer reports the end
            local = {name: file for name, file in opened.items() if isinstance(file, LocalBytes)}
            remote = {name: file for name, file in opened.items() if name not in local}
            sizes = {name: file.size for name, file in remote.items()}
            self.channel.send((dict(versions), list(local), sizes, spill, shape))
            for file in local.values():
                send_handle(self.channel, file.descriptor, None)
            if remote:
                ours, theirs = _CONTEXT.Pipe()
                with theirs:
                    send_handle(self.channel, theirs.fileno(), None)
                serve_ranges(ours, dict(enumerate(remote.values())))
        return self._answer(lambda fields: SealedResult(*fields))

    def rows(self, count: int) -> Any:
        """Up to ``count`` further rows; a table of Arrow in such a shape."""
        with suppress(ConnectionError):
            self.channel.send(count)
        return self._answer(lambda rows: from_stream(rows) if isinstance(rows, bytes) else list(rows))

    def _answer(self, read: Callable[[Any], T]) -> T:
        left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        if not self.channel.poll(left):
            raise QueryEnded("timeout")
        try:
            kind, *values = _PlainValues(io.BytesIO(self.channel.recv_bytes())).load()
            if kind == "answer":
                return read(*values)
            ended = NotAllowed(*values) if kind == "refused" else QueryEnded(kind, *map(str, values))
        except duckdb.Error:  # of ``from_stream``
            raise
        except Exception:  # noqa: BLE001 - any malformed answer means that the child is broken
            raise QueryEnded("death") from None
        raise ended


class _PlainValues(pickle.Unpickler):
    """Unpickles rows and texts only; a child's answer is not trusted."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ROWS_ARE_OF:
            raise pickle.UnpicklingError(f"{module}.{name} is not a value of a row")
        return super().find_class(module, name)


# In the child


def _serve(channel: Connection, engine: duckdb.DuckDBPyConnection | None) -> None:
    _detach(channel)
    try:
        with suppress(EOFError), ExitStack() as own:
            connection = own.enter_context(sealed_engine()) if engine is None else engine
            resource.setrlimit(resource.RLIMIT_DATA, 2 * (memory_of(connection) + _PARSER_BYTES,))
            _work(channel, connection, channel.recv(), engine is not None)
    except NotAllowed as refused:
        _send(channel, "refused", refused.what, refused.reason)
    except Exception as error:  # noqa: BLE001 - the parent reports it
        _send(channel, type(error).__name__, str(error).strip())


def _work(channel: Connection, connection: duckdb.DuckDBPyConnection, sql: str, forked: bool) -> None:
    named, (*before, sql) = statements_read_at(sql)
    _send(channel, "answer", [(t.schema, t.name, t.line, t.catalog, t.at) for t in named])
    versions, opened, sizes, spill, shape = channel.recv()
    files = SealedFiles()
    for name in opened:
        files.opened[name] = LocalBytes(recv_handle(channel))
    if sizes:
        ranges, lock = Connection(recv_handle(channel)), Lock()
        for number, (name, size) in enumerate(sizes.items()):
            files.opened[name] = AskedBytes(ranges, lock, number, size)
    files.show(connection)
    for (product, at), version in versions.items():
        try:
            show_version(connection, product, version, at)
        except duckdb.Error:
            return _send(channel, DAMAGED, str(product))
    if shape in IN_ARROW:
        load_arrow(connection)
    # DuckDB needs it for times with a zone, and behind the wall nothing can be loaded.
    import_module("pytz")
    # In a spawned process the import of DuckDB has started a thread, which the wall would not bind.
    walled = forked and wall_off(spill)
    shut(connection, spill)
    for statement in before:
        connection.execute(statement)
    read = products_read(connection, sql)
    columns, types, further = begun(connection, sql, shape)
    _send(channel, "answer", (columns, types, read, walled))
    while True:
        _send(channel, "answer", further(channel.recv()))


def _detach(channel: Connection) -> None:
    """Give up the parent's descriptors except the channel, its folder, its terminal and its Ctrl-C."""
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)  # the engine may log to it
    os.closerange(3, channel.fileno())
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    os.closerange(channel.fileno() + 1, 65536 if most == resource.RLIM_INFINITY else most)


def _send(channel: Connection, *words: Any) -> None:
    channel.send_bytes(pickle.dumps(words))
