"""The parts that a version of a product is made from, as facts of its location, and their fingerprints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from platform_core.version import LIBRARY

Uses = Mapping[str, tuple[str, ...]]
"""The columns used of each source; a source without columns counts by its rows."""


def digest(*parts: str) -> str:
    """24 letters for texts."""
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


@cache
def library_digest(folder: Path = LIBRARY) -> str:
    """The digest of the sources of a ``platform_core``, by default of this one."""
    files = sorted(file for kind in ("*.py", "*.toml", "*.sql") for file in folder.rglob(kind))
    return digest(*(f"{file.relative_to(folder)} {digest(file.read_text('utf-8'))}" for file in files))


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table in a query. ``source`` is a product's id or a source's name; ``how`` stands for the way it is
    read, such as the definition of a source. ``columns`` are names and types of DuckDB."""

    name: str
    source: str
    columns: tuple[tuple[str, str], ...]
    how: str = ""
    outside: bool = False
    """Whether it is a source outside of the mesh."""


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """The parts of a maker. Without a ``query`` it is Python, which may use every column of ``tables`` for
    each of its own."""

    text: str
    """The digest of its own text."""
    query: str = ""
    """One SELECT over ``tables``."""
    tables: tuple[TableShape, ...] = ()
    columns: tuple[str, ...] = ()
    """The columns that the contract promises."""
    packages: tuple[tuple[str, str], ...] = ()
    """The installed packages that it uses, with their versions."""
    outside: tuple[str, ...] = ()
    """Calls of Python that may read what no fingerprint covers."""

    @property
    def reads(self) -> dict[str, str]:
        """The way in which it reads each source and product."""
        return {table.source: table.how for table in self.tables}


@dataclass(frozen=True, slots=True)
class Slice:
    """The fingerprint of an output column, or of the rows, and the columns on which it depends."""

    fingerprint: str
    uses: Uses
    values: Uses = field(default_factory=dict)
    """The columns whose values flow into it; of a plan that does not show them, all that it uses."""


@dataclass(frozen=True, slots=True)
class QueryPrint:
    """The fingerprints of a maker.

    With ``unread``, a reason in words, the plan could not be read: every slice then depends on the whole text
    and on all columns of all tables.
    """

    engine: str
    """The version of DuckDB; fingerprints of other versions are not comparable. Empty for Python."""
    rows: Slice
    columns: Mapping[str, Slice]
    unread: str = ""
    unstable: tuple[str, ...] = ()
    """The parts that return other values at each run, such as ``now()``."""
    ordered: tuple[str, ...] = ()
    """The parts whose result depends on the order of rows, such as ``LIMIT``."""

    @classmethod
    def whole(cls, engine: str, made_from: MadeFrom, reason: str) -> QueryPrint:
        """The fingerprints of a maker by its whole text."""
        read = {table.source: tuple(name for name, _ in table.columns) for table in made_from.tables}
        how = sorted(f"{table.name} {table.source} {table.how} {table.columns}" for table in made_from.tables)
        rows = Slice(digest(made_from.query or made_from.text, *how), read, read)
        return cls(engine, rows, dict.fromkeys(made_from.columns, rows), reason)

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> QueryPrint:
        slices = {name: _slice(each) for name, each in document["columns"].items()}
        found = {name: tuple(document[name]) for name in ("unstable", "ordered")}
        return cls(document["engine"], _slice(document["rows"]), slices, document["unread"], **found)


def _slice(document: Mapping[str, Any]) -> Slice:
    kinds = (document["uses"], document["values"])
    uses, values = ({source: tuple(used) for source, used in kind.items()} for kind in kinds)
    return Slice(document["fingerprint"], uses, values)


def stamped(made_from: MadeFrom, prints: QueryPrint) -> dict[str, Any]:
    """The facts for a version's stamp: fingerprints, and what they are of."""
    return {
        "engine": prints.engine,
        "library": library_digest(),
        "text": made_from.text,
        "reads": made_from.reads,
        "packages": dict(made_from.packages),
        "rows": prints.rows.fingerprint,
        "columns": {name: each.fingerprint for name, each in prints.columns.items()},
    }


def identity(made_from: MadeFrom) -> str:
    """Equal for makers with equal fingerprints of any engine."""
    text = made_from.query or made_from.text
    return digest(text, repr(made_from.tables), *made_from.columns)
