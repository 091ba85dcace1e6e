"""The lakes of a mesh: one per domain, and a second one for its restricted products.

``LakeLocation`` is what the library does with lakes. ``local`` has the lakes of this machine, ``remote``
those of servers; ``lakes.current_lakes`` chooses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import LakeError
from platform_core.sql.quoting import quoted

if TYPE_CHECKING:
    import duckdb

RESTRICTED: Final = "_restricted"
"""The suffix of a restricted lake's name."""
VIEW_OF: Final = "view_of"
"""The fact of a stamp that names the product whose version, ``pinned``, a view reads."""
FORMAT: Final = "1.0"
"""The version of DuckLake's tables that are read without DuckLake."""
DATA_PATH: Final = "mesh_data_path"
"""The function in statements of a plain catalog with the folder of the lake's data."""


class Found(Protocol):
    def fetchall(self) -> list[Any]: ...


class PlainCatalog(Protocol):
    """A catalog that is read without DuckLake, such as a connection of SQLite."""

    def execute(self, statement: str, /) -> Found: ...


class DataBytes(Protocol):
    """An open file of a lake. ``close`` may be called twice."""

    size: int

    def read(self, start: int, count: int) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LakeLocation(ABC):
    """All lakes. ``root`` is a folder of this machine with a folder per lake: for work that exceeds the
    memory, private logs and drafts of files, and for local lakes for everything."""

    root: Path
    extensions: ClassVar[tuple[str, ...]]
    """The extensions of DuckDB that attach a lake."""

    def folder(self, lake: str) -> Path:
        return self.root / lake

    @staticmethod
    def is_private(lake: str) -> bool:
        """Whether a lake is a restricted one, which only its own user can read."""
        return lake.endswith(RESTRICTED)

    # The lake as a whole

    @abstractmethod
    def exists(self, lake: str) -> bool:
        """Whether a lake exists, even if it is damaged."""

    @abstractmethod
    def is_readable(self, lake: str) -> bool:
        """Whether the lake exists and this user may read it."""

    @abstractmethod
    def shared(self) -> tuple[str, ...]:
        """The domains whose shared lake this user can read, sorted."""

    @property
    def reader(self) -> str | None:
        """The principal that the servers know this process as; None where nobody checks who reads."""
        return None

    @abstractmethod
    def where(self, lake: str) -> str:
        """The place of a lake, for messages."""

    @abstractmethod
    def prepare(self, lake: str, *, writing: bool) -> None:
        """Require that a lake can be attached; a missing one is made if this user may make it. Raises
        LakeError."""

    @abstractmethod
    def attach(self, connection: duckdb.DuckDBPyConnection, lake: str, *, read_only: bool) -> None:
        """Attach a lake. Each implementation has one ATTACH. Raises duckdb.Error."""

    def attached(self, lakes: Collection[str]) -> AbstractContextManager[None]:
        """A block in which an engine of this process has the lakes open."""
        return nullcontext()

    @abstractmethod
    def catalog(self, lake: str) -> AbstractContextManager[PlainCatalog | None]:
        """One state of the catalog of an existing lake, read without DuckLake; None if that is not possible.
        Raises LakeError."""

    @abstractmethod
    def tables(self, lake: str, *, write: bool) -> AbstractContextManager[PlainCatalog]:
        """The catalog of any format, whatever has it open; with ``write`` changed in one transaction, which
        overwrites what it deletes."""

    @abstractmethod
    def tables_with(self, catalog: PlainCatalog, lake: str, column: str) -> tuple[str, ...]:
        """The names of DuckLake's tables of a lake that have a column."""

    @abstractmethod
    def lock(
        self, lake: str, holder: str, stream: str | None, patience: float
    ) -> AbstractContextManager[None]:
        """The writer lock of a lake, or of one of its streams. Raises LakeLocked L001 after ``patience``
        seconds."""

    @abstractmethod
    def writing(
        self, connection: duckdb.DuckDBPyConnection, lake: str
    ) -> AbstractContextManager[Callable[[], None]]:
        """A block under the lock in which a transaction writes; after an exception its files are removed. It
        yields a function that raises LakeError if the lock was lost."""

    @abstractmethod
    def fault(self, error: BaseException, lake: str) -> LakeError | None:
        """The diagnostic for an error of disks, servers or the catalog; None for one of the query."""

    # The files of a lake

    @abstractmethod
    def data(self, lake: str) -> str:
        """The folder of the data files, ending with a slash."""

    @abstractmethod
    def sizes(self, paths: Collection[str]) -> dict[str, int | None]:
        """The bytes of data files; None for a missing one."""

    @abstractmethod
    def files_below(self, folder: str) -> tuple[str, ...]:
        """The paths of all data files below a folder of ``data``, sorted."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Remove a data file, which may be missing."""

    @abstractmethod
    def open(self, path: str) -> DataBytes:
        """Open a data file. Raises OSError."""

    @abstractmethod
    def unreadable(self, path: str) -> str:
        """The engine's error for a data file; empty if it can be read."""

    @abstractmethod
    def has_files(self, lake: str, folder: str) -> bool:
        """Whether there is a folder of data (``data/...``) or of kept files (``files/...``)."""

    @abstractmethod
    def removing(
        self, lake: str, product: str, folders: Collection[str], by: str
    ) -> AbstractContextManager[None]:
        """A block that removes a product from the catalog; its folders are removed too. Local ones are moved
        into the folder of the lake ``by`` first."""

    @abstractmethod
    def is_removing(self, lake: str, product: str) -> bool:
        """Whether a killed process left a removal half done."""

    @abstractmethod
    def keep(self, path: Path) -> None:
        """Keep a local file or folder below ``root``, which never changes, with the lake's files."""

    @abstractmethod
    def fetch(self, path: Path) -> None:
        """Bring a file that was kept, if it is not here; nothing for a file that was not kept."""

    @abstractmethod
    def discard(self, folder: Path) -> None:
        """Remove what was kept of a folder, not its local copy."""

    @abstractmethod
    def kept(self, folder: Path) -> tuple[str, ...]:
        """The names in a folder of what was kept, and of what is here."""

    @abstractmethod
    def bytes_kept(self, folder: Path) -> int:
        """The bytes of all files below a folder."""


def catalog_of(lake: str) -> str:
    """The schema in which DuckDB shows DuckLake's own tables of a lake."""
    return quoted(f"__ducklake_metadata_{lake}")


def table_of(product: DataProduct) -> str:
    """A product's relation for readers: ``"<lake>"."products"."<name>"``."""
    return f'{quoted(product.lake)}."products".{quoted(product.name)}'
