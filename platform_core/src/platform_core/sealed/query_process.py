"""A query in a process of its own: it judges, binds and runs what others wrote, and is killed at any time.

The parent looks up what the query names and opens the files; it never parses the text itself. The child
answers in plain values, which the parent reads with nothing but the types of rows in reach.
"""

from __future__ import annotations

import io
import os
import pickle
import re
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
from typing import Any, Final, TypeVar

import duckdb

from platform_core.lake.connect import memory_of
from platform_core.sealed.arrow import arrow_batches, from_arrow, load_arrow
from platform_core.sealed.engine import sealed_engine, show_version, shut
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.landlock import die_with_parent, wall_off
from platform_core.sealed.version import VersionFiles
from platform_core.sql.allowed import NotAllowed, TableName, tables_read_at
from platform_core.sql.engine import trial
from platform_core.sql.plan import sources

T = TypeVar("T")
_ROWS_ARE_OF: Final = {
    ("datetime", name) for name in ("date", "datetime", "time", "timedelta", "timezone")
} | {("decimal", "Decimal"), ("uuid", "UUID"), ("pytz", "_UTC"), ("builtins", "bytearray")}
"""Types of values of rows, which are all that a child may name."""
_PRODUCT: Final = re.compile(r"mesh://([^/\"]+/[^/\"]+)/|\"table\": \"([^\"]+)\"")
# A copy of this process starts at once. On macOS a copy of a process may not use the system's libraries.
_CONTEXT: Final = get_context("fork") if sys.platform == "linux" else get_context("spawn")
_MANY: Final = 1 << 20
"""Bytes of files from which on it is worth the time to load Arrow."""
DAMAGED: Final = "damaged"
"""How an answer ends that says in which product's files something is wrong."""
_BESIDE_THE_ENGINE: Final = 1 << 30
"""Bytes that the child may take beside the engine's memory limit: the parser and binder obey no limit."""


class QueryEnded(Exception):
    """A query that gave no answer. ``kind`` is DuckDB's class of an error, ``timeout`` or ``death``."""

    def __init__(self, kind: str, words: str = "") -> None:
        super().__init__(words)
        self.kind = kind
        self.words = words


@dataclass(frozen=True, slots=True)
class SealedResult:
    """What a query yields, before its rows are asked for."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    read: frozenset[str] | None
    """Ids of the products that the plan reads; None where DuckDB cannot write the plan out."""
    walled: bool
    """Whether the kernel keeps the process from every other file too."""


@contextmanager
def sealed_query(sql: str, seconds: float | None) -> Iterator[SealedQuery]:
    """A child that has the text of a query and nothing else; it is killed at the end, whatever happens."""
    ours, theirs = _CONTEXT.Pipe()
    with ExitStack() as copied:
        # Made before the fork: a copy of a lock of DuckDB that another thread holds is never given back.
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
    """A query on its way. Every method raises QueryEnded."""

    channel: Connection
    deadline: float | None

    def tables(self) -> list[TableName]:
        """The tables that it names. Raises NotAllowed too."""
        return self._answer(lambda tables: [TableName(*table) for table in tables])

    def run(
        self,
        versions: Mapping[tuple[str, str], VersionFiles],
        files: SealedFiles,
        spill: Path | None,
        many: bool,
    ) -> SealedResult:
        """Begin it over some versions, by the ids of their products and what stands after ``AT``; ``many``
        rows may be asked for."""
        opened = files.descriptors
        many = many and sum(os.fstat(file).st_size for file in opened.values()) > _MANY
        with suppress(ConnectionError):  # it ended: so does its answer
            self.channel.send((dict(versions), list(opened), spill, many))
            for file in opened.values():
                send_handle(self.channel, file, None)
        return self._answer(lambda said: SealedResult(*said))

    def rows(self, count: int) -> list[tuple[Any, ...]]:
        """Up to ``count`` further rows."""
        with suppress(ConnectionError):
            self.channel.send(count)
        return self._answer(lambda rows: from_arrow(rows) if isinstance(rows, bytes) else list(rows))

    def _answer(self, read: Callable[[Any], T]) -> T:
        left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        if not self.channel.poll(left):
            raise QueryEnded("timeout")
        try:
            kind, *said = _PlainValues(io.BytesIO(self.channel.recv_bytes())).load()
            if kind == "answer":
                return read(*said)
            ended = NotAllowed(*said) if kind == "refused" else QueryEnded(kind, *map(str, said))
        except Exception:  # noqa: BLE001 - no answer of ours, however it is none: its sender is lost
            raise QueryEnded("death") from None
        raise ended


class _PlainValues(pickle.Unpickler):
    """Rows and words. Whatever else a child sends is no answer of ours."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ROWS_ARE_OF:
            raise pickle.UnpicklingError(f"{module}.{name} is no value of a row")
        return super().find_class(module, name)


# In the child


def _serve(channel: Connection, engine: duckdb.DuckDBPyConnection | None) -> None:
    _leave_everything(channel)
    try:
        with suppress(EOFError), ExitStack() as own:
            connection = own.enter_context(sealed_engine()) if engine is None else engine
            resource.setrlimit(resource.RLIMIT_DATA, 2 * (memory_of(connection) + _BESIDE_THE_ENGINE,))
            _work(channel, connection, channel.recv(), engine is not None)
    except NotAllowed as refused:
        _tell(channel, "refused", refused.what, refused.reason)
    except Exception as error:  # noqa: BLE001 - told to the parent, who says it to a person
        _tell(channel, type(error).__name__, str(error).strip())


def _work(channel: Connection, connection: duckdb.DuckDBPyConnection, sql: str, forked: bool) -> None:
    named, sql = tables_read_at(sql)
    _tell(channel, "answer", [(t.schema, t.name, t.line, t.catalog, t.at) for t in named])
    versions, opened, spill, many = channel.recv()
    files = SealedFiles()
    for name in opened:
        files.take(recv_handle(channel), name)
    files.show(connection)
    for (product, at), version in versions.items():
        try:
            show_version(connection, product, version, at)
        except duckdb.Error:
            return _tell(channel, DAMAGED, str(product))
    if many:
        load_arrow(connection)
    # DuckDB makes times with a zone of it, and behind the wall nothing more is loaded.
    import_module("pytz")
    # DuckDB starts a thread as it is imported, which a process that was started anew would keep unbound.
    walled = forked and wall_off(spill)
    shut(connection, spill)
    read = _products(connection, sql)
    connection.execute(sql)
    described = connection.description or ()
    columns, types = [name for name, *_ in described], [str(kind) for _, kind, *_ in described]
    _tell(channel, "answer", (columns, types, read, walled))
    further = arrow_batches(connection) if many else connection.fetchmany
    while True:
        _tell(channel, "answer", further(channel.recv()))


def _leave_everything(channel: Connection) -> None:
    """Keep nothing of the parent's but the channel: no descriptor, folder, terminal, Ctrl-C of its group."""
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)  # the engine's own logging can be told to write there
    os.closerange(3, channel.fileno())
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    os.closerange(channel.fileno() + 1, 65536 if most == resource.RLIM_INFINITY else most)


def _products(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str] | None:
    try:
        found = sources(connection, sql)
    except (NotAllowed, duckdb.Error):  # the query itself says what is wrong with it
        return None
    return sorted({"".join(part) for scan in found for part in _PRODUCT.findall(scan[1])})


def _tell(channel: Connection, *words: Any) -> None:
    channel.send_bytes(pickle.dumps(words))
