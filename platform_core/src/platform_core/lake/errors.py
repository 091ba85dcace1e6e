"""Errors of lakes as diagnostics."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from platform_core.diagnostics import DefinitionError, LakeError, LakeLocked, Place
from platform_core.lake.location import RESTRICTED, LakeLocation
from platform_core.sql.allowed import NotAllowed
from platform_core.sql.quoting import literal
from platform_core.words import shortened


def sentence(error: BaseException) -> str:
    """The engine's message on one line, without the SQL, at most 300 characters."""
    text = str(error).split("\nLINE ")[0].split("\n\n")[0]
    return shortened(" ".join(text.split()), 300)


def damaged(location: LakeLocation, lake: str, reason: str) -> LakeError:
    """L004: the catalog or a data file of a lake is unreadable."""
    folder = location.where(lake)
    message = f'the catalog or a file of the lake "{lake}" is damaged: {reason}'
    expected = f"a DuckLake catalog in {folder} and its data files"
    run = f"`mesh run {lake.removesuffix(RESTRICTED)}`"
    fix = f"Restore {folder} from a backup, or move it away and make its products again: {run}"
    return LakeError.of("L004", message, None, expected, fix, plain=True)


def locked(lake: str, owner: str, patience: float, how: str) -> LakeLocked:
    """L001: another live process writes to the lake."""
    message = f'the lake "{lake}" is still being written by {owner} after {patience:g} s'
    fix = "Wait for that process, or stop it. MESH_LOCK_TIMEOUT sets the seconds to wait."
    return LakeLocked.of("L001", message, None, f"one writer at a time, {how}", fix, plain=True)


def read_fault(engine: duckdb.DuckDBPyConnection, path: str) -> str:
    """The engine's error for a Parquet file, without values; empty if it can be read."""
    try:
        engine.execute(f"SELECT bit_xor(hash(COLUMNS(*))) FROM read_parquet({literal(path)})")
    except duckdb.Error as error:
        return sentence(error).partition(' value "')[0]  # the value may be confidential
    return ""


def other_fault(error: BaseException, lake: str) -> LakeError:
    return LakeError.of("L009", f'the lake "{lake}" refused: {sentence(error)}')


def beyond_inputs(product: str, place: Place | None, refused: NotAllowed) -> DefinitionError:
    """D027: a function's SQL that reads or calls more than its inputs."""
    message = f"the SQL of {product} reaches beyond its inputs: {refused.reason}"
    expected = "the declared inputs by their names, and functions that compute from values"
    fix = "Declare what it reads: @data_product(inputs={...})."
    return DefinitionError.of("D027", message, place, expected, fix)


@contextmanager
def lake_faults(location: LakeLocation, lake: str) -> Iterator[None]:
    """Raise errors of the system and of the engine inside as LakeErrors."""
    try:
        yield
    except (OSError, duckdb.Error, sqlite3.Error) as error:
        raise location.fault(error, lake) or other_fault(error, lake) from error
