"""DuckDB loads the platform's extensions, checked once per process, and no unsigned ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from platform_core.lake import engine
from platform_core.lake.engine import extension_path, open_engine
from platform_core.lake.local.lakes import LocalLakes

EXTENSIONS = LocalLakes.extensions
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
    monkeypatch.setattr(engine, "_checked", set())
    if request.param == "a later":
        open_engine(EXTENSIONS).close()
    opened = []
    connect = duckdb.connect
    monkeypatch.setattr(engine.duckdb, "connect", lambda *a, **k: opened.append(k) or connect(*a, **k))
    with open_engine(EXTENSIONS) as connection:
        [options] = opened
        assert ("allow_unsigned_extensions" in options["config"]) == (request.param == "a later")
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
    open_engine(EXTENSIONS).close()
    original = extension_path
    monkeypatch.setattr(
        engine, "extension_path", lambda name: unsigned if "sqlite" in name else original(name)
    )
    with pytest.raises(duckdb.IOException, match="signature"):
        open_engine(EXTENSIONS)
    # Not even where the connection allowed it, since somebody changed the file in between.
    connect = duckdb.connect
    monkeypatch.setattr(
        engine.duckdb, "connect", lambda *_, **__: connect(config={"allow_unsigned_extensions": "true"})
    )
    with pytest.raises(duckdb.IOException, match="signature"):
        open_engine(EXTENSIONS)
