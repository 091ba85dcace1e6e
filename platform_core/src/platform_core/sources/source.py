"""Sources, where lineage begins: files, databases and tables outside of the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, TypedDict, Unpack
from urllib.parse import urlsplit

from platform_core.diagnostics import SourceError, UsageError, shown
from platform_core.fingerprint.made_from import digest
from platform_core.lake.publication.extracts import LONG_LINES, LONGEST
from platform_core.secrets import Secret
from platform_core.settings import KEYS, LAKE, mesh_home
from platform_core.sql.quoting import file_literal, literal

Kind = Literal["file", "postgres", "sqlite", "duckdb", "delta", "iceberg"]
READERS = {".parquet": "read_parquet", ".csv": "read_csv", ".json": "read_json"}
COMPRESSED: Final = (".gz", ".zst")
# By default DuckDB infers types from the first 20,480 rows.
_OPTIONS = {".csv": f", sample_size = -1, {LONG_LINES}", ".json": f", maximum_object_size = {LONGEST}"}


class Described(TypedDict, total=False):
    """The arguments that every constructor takes."""

    description: str
    url: str | None
    time_column: str | None
    columns: Mapping[str, str] | None
    latency: timedelta | None


@dataclass(frozen=True, slots=True)
class Source:
    """Rows outside of the mesh, shown in the lineage as an external asset with the key ``name``.

    A file: ``path`` is relative to the folder of the installed Python package ``package``; without a package,
    to the working directory or a folder above it, up to the mesh's. It may end in ``.gz`` or ``.zst``, or be
    a URL, ``https://...`` or ``s3://<bucket>/...``. ``Source.postgres``, ``.sqlite``, ``.duckdb``, ``.delta``
    and ``.iceberg`` make the other kinds.

    A partitioned product sees only the rows whose ``time_column`` is in the partitions of its run.
    ``columns`` are names and DuckDB types; a database, a table format and a URL need them here or in the lock
    that ``mesh check PRODUCT --lock`` writes. ``secret`` is the name of a secret. ``latency`` promises the
    age of the newest row by its ``time_column``; of a file without one, the age of the file.

    A path with ``*`` or ``?``, ``inbox/*.parquet``, is an inbox: a stream's function gets its files as
    batches, in the order of their names. A batch is named by its file's path below the fixed part of the
    pattern. Brackets have no special meaning, except in a part of the path with ``*`` or ``?``.
    """

    name: str
    path: str = ""
    package: str | None = None
    description: str = ""
    url: str | None = None
    time_column: str | None = None
    columns: Mapping[str, str] | None = field(default=None, hash=False, kw_only=True)
    latency: timedelta | None = field(default=None, kw_only=True)
    secret: Secret | None = field(default=None, hash=False, kw_only=True)
    kind: Kind = field(default="file", kw_only=True)
    table: str = field(default="", kw_only=True)
    version: int | None = field(default=None, kw_only=True)

    @classmethod
    def postgres(cls, name: str, *, table: str, secret: Secret, **described: Unpack[Described]) -> Source:
        """A table or view of a Postgres database, ``<schema>.<table>``. The secret is the URL
        ``postgresql://user:password@host:port/database``, or a JSON object of these parts."""
        return cls(name, kind="postgres", table=table, secret=secret, **described)

    @classmethod
    def sqlite(cls, name: str, *, path: str, table: str, **described: Unpack[Described]) -> Source:
        """A table of an SQLite file."""
        return cls(name, path, kind="sqlite", table=table, **described)

    @classmethod
    def duckdb(cls, name: str, *, path: str, table: str, **described: Unpack[Described]) -> Source:
        """A table of a DuckDB file, ``<schema>.<table>``."""
        return cls(name, path, kind="duckdb", table=table, **described)

    @classmethod
    def delta(
        cls, name: str, *, path: str, version: int | None = None, **described: Unpack[Described]
    ) -> Source:
        """A Delta table in a folder, at a version; by default the newest one."""
        return cls(name, path, kind="delta", version=version, **described)

    @classmethod
    def iceberg(
        cls, name: str, *, path: str, snapshot: int | None = None, **described: Unpack[Described]
    ) -> Source:
        """An Iceberg table, at a snapshot; by default its current one. ``path`` is the metadata file that its
        catalog names, or the table's folder with a ``version-hint.text``."""
        return cls(name, path, kind="iceberg", version=snapshot, **described)

    @property
    def remote(self) -> bool:
        return "://" in self.path

    @property
    def inbox(self) -> bool:
        """Whether it is a folder of batches, because its path is a pattern."""
        return self.kind == "file" and not self.remote and is_pattern(self.path)

    @property
    def suffix(self) -> str:
        """The suffix of its format, without that of a compression."""
        path = Path(urlsplit(self.path).path if self.remote else self.path)
        return suffix_of(path.name)

    @property
    def tabular(self) -> bool:
        return not self.inbox and (self.kind != "file" or self.suffix in READERS)

    @property
    def staged(self) -> bool:
        """Whether a process of its own copies its rows before a run reads them."""
        compressed = self.tabular and self.path.lower().endswith(COMPRESSED)
        return self.kind != "file" or self.remote or compressed

    @property
    def asked(self) -> bool:
        """Whether only a run reads it, so that its columns are declared or locked."""
        return self.kind != "file" or self.remote

    @property
    def origin(self) -> str:
        """The kind and the place, without host, user or query of a URL."""
        if self.kind == "file":
            return urlsplit(self.path).path if self.remote else self.path
        return f"{self.kind} {self.table or self.path}"

    @property
    def definition(self) -> str:
        """A digest of all that decides which rows it has; not of its words and promises."""
        columns = sorted((self.columns or {}).items())
        parts = (self.name, self.kind, self.path, self.package, self.table, self.version, self.time_column)
        return digest(repr((*parts, self.secret, columns)))

    def folder(self) -> Path:
        """The folder that the path is relative to. Raises SourceError S001 if the package is not
        installed."""
        folder = Path.cwd()
        if self.package is not None:
            spec = find_spec(self.package)
            if spec is None or not spec.submodule_search_locations:
                message = f'the source {self.name} needs the package "{self.package}", which is not installed'
                expected = f"{self.path} inside the package {self.package}"
                fix = "Add the package to the domain's pyproject.toml, then run `make lock setup`."
                raise SourceError.of("S001", message, None, expected, fix)
            folder = Path(spec.submodule_search_locations[0])
        return folder

    def locate(self) -> Path:
        """The file or folder. Raises SourceError: S001 if the package is not installed, S002 if it is
        missing, S003 if it is in the mesh's own state."""
        folder = self.folder()
        file, present = folder / self.path, Path.is_file if self.kind == "file" else Path.exists
        if self.package is None and not present(file):
            # A test's working directory is its domain's folder, a run's is the mesh's.
            for above in folder.parents:
                if present(above / self.path) or (above / "workspace.yaml").is_file():
                    file = above / self.path
                    break
        if not present(file):
            message = f"the {'file' if self.kind == 'file' else 'path'} of the source {self.name} is missing"
            fix = "Put the file there, or correct the path of the source."
            fix = f"Reinstall the package {self.package}." if self.package else fix
            raise SourceError.of("S002", message, None, str(file), fix)
        require_foreign(file, self.name)
        return file

    def query(self, opened: str | None = None) -> str:
        """SQL that reads the whole file of a tabular source. ``opened`` is the engine's name of the file."""
        return rows_of(self.locate(), opened)


def is_pattern(path: str) -> bool:
    return "*" in path or "?" in path


def suffix_of(name: str) -> str:
    """The suffix of a file's format: ``.csv`` of ``orders.csv.gz``."""
    path = Path(name)
    inner = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return inner.suffix.lower()


def rows_of(file: Path, opened: str | None = None, types: Mapping[str, str] | None = None) -> str:
    """SQL that reads the whole file; ``opened`` is the engine's name of it, ``types`` are those of columns in
    a text file, which are not inferred then."""
    suffix = suffix_of(file.name)
    name, options = literal(opened) if opened else file_literal(file), _OPTIONS.get(suffix, "")
    if types and options:
        members = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
        options += f", {'types' if suffix == '.csv' else 'columns'} = {{{members}}}"
    return f"SELECT * FROM {READERS[suffix]}({name}{options})"


def require_foreign(file: Path, source: str) -> None:
    """Refuse a file in the mesh's own state, also through a link (S003): products are inputs, which need
    grants."""
    folders = [LAKE.folder(), KEYS.folder()]
    with suppress(UsageError):  # outside of a mesh
        folders.append(mesh_home())
    where = file.resolve()
    if any(folder is not None and where.is_relative_to(folder.resolve()) for folder in folders):
        message = f"the source {source} leads to {shown(file)} in the mesh's own state"
        expected = "a file of the domain"
        fix = 'Declare the product: inputs={"...": "<domain>/<product>"}.'
        raise SourceError.of("S003", message, None, expected, fix)
