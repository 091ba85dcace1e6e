"""Whether a twin's files hold a raw value of a masked column, checked in the files themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import PurePath

import duckdb

from platform_core.contracts.model import Column, DataProduct, Rule
from platform_core.lake.transaction import number
from platform_core.masking.files import TwinFiles, columns_of, parquet
from platform_core.masking.sql import HASH, masked
from platform_core.quality.outcome import CheckOutcome
from platform_core.sql.quoting import fold, literal, quoted
from platform_core.words import counted, listed


def find_leaks(
    connection: duckdb.DuckDBPyConnection, twin: DataProduct, parent: str, files: TwinFiles
) -> tuple[CheckOutcome, ...]:
    """The outcomes of ``no_raw_values`` and ``no_raw_values_before``. Their messages hold no value.

    ``parent`` is the relation of the raw rows. A column of a new file may hold the masked values of its own
    column, and no other raw value of a hidden column. Columns of earlier files, which were made from other
    rows, are compared only with their own raw column.
    """
    asked = {"no_raw_values": _in_new, "no_raw_values_before": _in_earlier}
    outcomes = []
    for rule in twin.rules:
        if rule.kind in asked:
            started = time.monotonic()
            counts = asked[rule.kind](connection, twin, rule, parent, files)
            found = {name: count for name, count in counts if count}
            outcomes.append(_outcome(rule, found, files, time.monotonic() - started))
    return tuple(outcomes)


def _in_new(
    connection: duckdb.DuckDBPyConnection, twin: DataProduct, rule: Rule, parent: str, files: TwinFiles
) -> Iterator[tuple[str, int]]:
    if not files.new:
        return
    relation = parquet(files.new)
    columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {relation}").fetchall()]
    nothing = "SELECT NULL::VARCHAR AS text LIMIT 0"  # if all columns are generalized
    raw = " UNION ALL ".join(_texts(name, parent) for name in rule.columns) or nothing
    branches = []
    for name in columns:
        column = twin.column(name)
        sought = "raw"
        if column is not None and column.mask is not None and column.mask.method == "generalize":
            sought = f"(FROM raw UNION ALL {_texts(name, parent)})"
        found = _found(_texts(name, relation), sought, column, parent)
        branches.append(f"SELECT {literal(name)}, count(*) FROM ({found})")
        if column is not None and column.mask is not None and column.mask.method == "hash":
            wrong = f"NOT regexp_full_match(text, {literal(HASH)})"
            branches.append(f"SELECT {literal(name)}, count(*) FROM ({_texts(name, relation)}) WHERE {wrong}")
    yield from connection.execute(
        f"WITH raw AS MATERIALIZED ({raw}) {' UNION ALL '.join(branches)}"
    ).fetchall()


def _in_earlier(
    connection: duckdb.DuckDBPyConnection, twin: DataProduct, rule: Rule, parent: str, files: TwinFiles
) -> Iterator[tuple[str, int]]:
    held = columns_of(connection, files.earlier)
    generalized = [c.name for c in twin.columns if c.mask is not None and c.mask.method == "generalize"]
    for name in dict.fromkeys((*rule.columns, *generalized)):
        if (some := held.get(fold(name))) is None:
            continue
        kept, raw = _texts(name, parquet(some)), f"({_texts(name, parent)})"
        yield (
            name,
            number(connection, f"SELECT count(*) FROM ({_found(kept, raw, twin.column(name), parent)})"),
        )


def _texts(name: str, relation: str) -> str:
    """The distinct values of a column as texts, which are comparable between types."""
    distinct = f"SELECT DISTINCT {quoted(name)} AS value FROM {relation}"
    return f"SELECT CAST(value AS VARCHAR) AS text FROM ({distinct}) WHERE value IS NOT NULL"


def _found(kept: str, raw: str, column: Column | None, parent: str) -> str:
    """The raw values in a column of the twin, except those that its mask returns."""
    found = f"SELECT text FROM ({kept}) SEMI JOIN {raw} USING (text)"
    if column is None or (column.mask is not None and column.mask.method == "hash"):
        return found
    distinct = f"SELECT DISTINCT {quoted(column.name)} AS value FROM {parent}"
    own = f"SELECT DISTINCT CAST({masked('value', column)} AS VARCHAR) AS text FROM ({distinct})"
    return f"{found} ANTI JOIN ({own}) USING (text)"


def _outcome(rule: Rule, found: dict[str, int], files: TwinFiles, seconds: float) -> CheckOutcome:
    names = ", ".join(f'"{name}"' for name in found)
    if rule.kind == "no_raw_values":
        looked, message = files.new, f"raw values are in {names} of the files, although masks hide them"
    else:
        looked = files.earlier
        files_shown = listed([PurePath(path).name for path in looked], 4)
        message = (
            f"raw values are in {names} of earlier versions that are still kept ({files_shown}): expire "
            "these with ducklake_expire_snapshots, and remove their files with ducklake_cleanup_old_files"
        )
    return CheckOutcome(
        rule=rule,
        passed=not found,
        violations=sum(found.values()),
        rows=0,
        seconds=seconds,
        observed=counted(len(looked), "file"),
        message=message if found else "",
        plain=True,
    )
