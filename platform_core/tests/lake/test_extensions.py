"""DuckDB loads the platform's extensions, checked once per process, and no unsigned ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from platform_core.lake import extensions
from platform_core.lake.extensions import extension_path, load_extension, open_connection

ALLOWED = "SELECT current_setting('allow_unsigned_extensions')"


@pytest.fixture
def unsigned(tmp_path: Path) -> Path:
    """An extension of original whose signature is lost."""
    content = extension_path("sqlite_scanner").read_bytes()
    path = tmp_path / "unsigned.duckdb_extension"
    path.write_bytes(content[:-256] + bytes(256))
    return path


@pytest.fixture(params=["the first", "a later"])
def con(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of a process, ready for lakes."""
    monkeypatch.setattr(extensions, "_checked", set())
    if request.param == "a later":
        with open_connection() as first:
            load_extension(first)
    with open_connection() as connection:
        assert connection.execute(ALLOWED).fetchone() == (request.param == "a later",)
        load_extension(connection)
        yield connection


def test_an_unsigned_extension_is_not_loaded_even_if_the_check_was_skipped(
    con: duckdb.DuckDBPyConnection, unsigned: Path
) -> None:
    assert con.execute(ALLOWED).fetchone() == (False,)
    with pytest.raises(duckdb.InvalidInputException, match="Cannot change allow_unsigned_extensions"):
        con.execute("SET allow_unsigned_extensions = true")
    with pytest.raises(duckdb.IOException, match="signature is either missing or invalid"):
        con.execute(f"LOAD '{unsigned}'")


def test_a_file_that_changed_is_checked_again(unsigned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_connection() as first:
        load_extension(first)
    original = extension_path
    monkeypatch.setattr(
        extensions, "extension_path", lambda name: unsigned if "sqlite" in name else original(name)
    )
    with open_connection() as connection, pytest.raises(duckdb.IOException, match="signature"):
        load_extension(connection)
    # Not even where the connection allowed it, since somebody changed the file in between.
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    with connection, pytest.raises(duckdb.IOException, match="signature"):
        load_extension(connection)
