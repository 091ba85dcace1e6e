"""Source files, where lineage begins."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from platform_core.diagnostics import SourceError, UsageError, shown
from platform_core.lake.publication.extracts import LONG_LINES, LONGEST
from platform_core.settings import KEYS, LAKE, mesh_home
from platform_core.sql.quoting import file_literal, literal

READERS = {".parquet": "read_parquet", ".csv": "read_csv", ".json": "read_json"}
# By default DuckDB infers types from the first 20,480 rows.
_OPTIONS = {".csv": f", sample_size = -1, {LONG_LINES}", ".json": f", maximum_object_size = {LONGEST}"}


@dataclass(frozen=True, slots=True)
class Source:
    """A file outside the mesh, shown in the lineage as an external asset with the key ``name``.

    ``path`` is relative to the folder of the installed Python package ``package``; without a package, to the
    working directory or a folder above it, up to the mesh's. A partitioned product sees only the rows whose
    ``time_column`` is in the partitions of its run.

    A path with ``*`` or ``?``, ``inbox/*.parquet``, is an inbox: a stream's function gets its files as
    batches, in the order of their names. A batch is named by its file's path below the fixed part of the
    pattern. Brackets have no special meaning, except in a part of the path with ``*`` or ``?``.
    """

    name: str
    path: str
    package: str | None = None
    description: str = ""
    url: str | None = None
    time_column: str | None = None

    @property
    def inbox(self) -> bool:
        """Whether it is a folder of batches, because its path is a pattern."""
        return is_pattern(self.path)

    @property
    def tabular(self) -> bool:
        return not self.inbox and Path(self.path).suffix.lower() in READERS

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
        """The file. Raises SourceError: S001 if the package is not installed, S002 if the file is
        missing, S003 if it is in the mesh's own state."""
        folder = self.folder()
        file = folder / self.path
        if self.package is None and not file.is_file():
            # A test's working directory is its domain's folder, a run's is the mesh's.
            for above in folder.parents:
                if (above / self.path).is_file() or (above / "workspace.yaml").is_file():
                    file = above / self.path
                    break
        if not file.is_file():
            message = f"the file of the source {self.name} is missing"
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


def rows_of(file: Path, opened: str | None = None) -> str:
    """SQL that reads the whole file; ``opened`` is the engine's name of it."""
    suffix = file.suffix.lower()
    name = literal(opened) if opened else file_literal(file)
    return f"SELECT * FROM {READERS[suffix]}({name}{_OPTIONS.get(suffix, '')})"


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
