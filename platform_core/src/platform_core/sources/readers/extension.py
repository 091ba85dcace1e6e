"""Extensions of DuckDB that sources need, each from the wheel of an extra."""

from __future__ import annotations

import duckdb

from platform_core.diagnostics import LakeError, Place, SourceError
from platform_core.lake.extensions import extension_path
from platform_core.sql.quoting import literal


def load(connection: duckdb.DuckDBPyConnection, extension: str, extra: str, source: str) -> None:
    """Load an extension. Raises SourceError S021, which names the extra, if it is not installed."""
    try:
        path = extension_path(extension)
    except LakeError:
        raise missing_extra(extra, source) from None
    connection.execute(f"LOAD {literal(str(path))}")


def missing_extra(extra: str, source: str, place: Place | None = None) -> SourceError:
    """The error for a source, or a function, whose extra is not installed in the domain's environment."""
    message = f"{source} needs platform-core[{extra}], which is not installed"
    expected = f'dependencies = ["platform-core[{extra}]"] in the domain\'s pyproject.toml'
    return SourceError.of("S021", message, place, expected, "Add the extra, then run `make lock setup`.")
