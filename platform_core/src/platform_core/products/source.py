"""Files that a product is made from: where lineage begins."""

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
# Types that hold for all rows of a CSV file, not only for its first 20,480.
_OPTIONS = {".csv": f", sample_size = -1, {LONG_LINES}", ".json": f", maximum_object_size = {LONGEST}"}


@dataclass(frozen=True, slots=True)
class Source:
    """A file outside the mesh, shown in the lineage as an external asset with the key ``name``.

    ``path`` is relative to the folder of the installed Python package ``package``, or where no package is
    named to the working directory, else to a folder above it up to the mesh's. A partitioned product
    that is made from it sees only the rows whose ``time_column`` lies in the partitions of its run.

    A path with ``*`` or ``?``, ``inbox/*.parquet``, is an inbox: a stream's function gets its files as
    batches, each under the name of its file, with the folders that the pattern leaves open, in the order of
    these names. Brackets mean themselves, except in a part of the path that has one of the two.
    """

    name: str
    path: str
    package: str | None = None
    description: str = ""
    url: str | None = None
    time_column: str | None = None

    @property
    def inbox(self) -> bool:
        """Whether it is a folder of batches: its path is a pattern, ``inbox/*.parquet``."""
        return is_pattern(self.path)

    @property
    def tabular(self) -> bool:
        return not self.inbox and Path(self.path).suffix.lower() in READERS

    def folder(self) -> Path:
        """What the path is relative to.

        Raises:
            SourceError: S001 where the package is not installed.
        """
        folder = Path.cwd()
        if self.package is not None:
            spec = find_spec(self.package)
            if spec is None or not spec.submodule_search_locations:
                where = f'the source {self.name} is in the Python package "{self.package}"'
                expected = f"{self.path} inside the package {self.package}"
                fix = "add the package to the domain's pyproject.toml, then: make lock setup"
                raise SourceError.of("S001", f"{where}, which is not installed here", None, expected, fix)
            folder = Path(spec.submodule_search_locations[0])
        return folder

    def locate(self) -> Path:
        """The file.

        Raises:
            SourceError: S001 where the package is not installed, S002 where the file is missing, S003 where
                it lies in the mesh's own state.
        """
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
            fix = "put the file there, or correct the path of the source"
            fix = f"reinstall the package {self.package}" if self.package else fix
            raise SourceError.of("S002", message, None, str(file), fix)
        require_foreign(file, self.name)
        return file

    def query(self, opened: str | None = None) -> str:
        """SQL that reads the whole file; for tabular sources. ``opened`` is what an engine calls the file."""
        return rows_of(self.locate(), opened)


def is_pattern(path: str) -> bool:
    return "*" in path or "?" in path


def rows_of(file: Path, opened: str | None = None) -> str:
    """SQL that reads all of a file. ``opened`` is what an engine calls it."""
    suffix = file.suffix.lower()
    name = literal(opened) if opened else file_literal(file)
    return f"SELECT * FROM {READERS[suffix]}({name}{_OPTIONS.get(suffix, '')})"


def require_foreign(file: Path, source: str) -> None:
    """Refuse a file of the mesh's own state, wherever a link leads: products are read as inputs, which takes
    a grant (S003)."""
    folders = [LAKE.folder(), KEYS.folder()]
    with suppress(UsageError):  # outside of a mesh there is none
        folders.append(mesh_home())
    where = file.resolve()
    if any(folder is not None and where.is_relative_to(folder.resolve()) for folder in folders):
        message = f"the source {source} leads to {shown(file)}, in the mesh's own state"
        expected = "a file of the domain's; a product is read as an input, which takes a grant"
        fix = 'Declare the product: inputs={"...": "<domain>/<product>"}.'
        raise SourceError.of("S003", message, None, expected, fix)
