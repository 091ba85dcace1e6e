"""The report of a run: check results, and metadata of the published version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window, partition_windows
from platform_core.diagnostics import LakeError
from platform_core.files import write_whole
from platform_core.fingerprint.made_from import QueryPrint
from platform_core.lake.location import table_of
from platform_core.lake.partition_filter import window_predicate
from platform_core.lake.publication.content_hash import columns_differing, data_version
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.publication.tables import Publication
from platform_core.products.catalog.spec import SEVERITY_IN_DAGSTER, asset_key
from platform_core.products.catalog.text import preview_cell
from platform_core.products.run.context import RunContext
from platform_core.products.run.origin import checks_summary
from platform_core.quality.outcome import CheckOutcome, Outcomes, Sample
from platform_core.quality.samples import fetch
from platform_core.quality.statistics import statistics
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe
from platform_core.version import __version__
from platform_core.words import counted

PREVIEW_ROWS = 5
MAX_PARTS = 100
"""The most partitions of a run that are reported one by one; Dagster looks up each among all."""
CHANGED = "mesh/changed_columns"
"""The metadata key of the columns that differ from the version before; absent where the rows do."""
LINEAGE = "dagster/column_lineage"
WARNING = "mesh/warning"
"""The metadata key of a fault after publication; the version is valid."""


def check_result(key: dg.AssetKey, outcome: CheckOutcome) -> dg.AssetCheckResult:
    """A rule's outcome for Dagster: violations, duration, and up to ten sample keys."""
    metadata: dict[str, Any] = {
        "rows": outcome.rows,
        "seconds": round(outcome.seconds, 4),
        "severity": outcome.rule.severity,
        "scope": outcome.rule.scope,
    }
    if outcome.violations is not None:
        metadata["violations"] = outcome.violations
    if outcome.observed is not None:
        metadata["observed"] = str(outcome.observed)
    if outcome.sample:
        metadata["sample"] = _table(outcome.sample)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=outcome.rule.name,
        passed=outcome.passed,
        severity=SEVERITY_IN_DAGSTER[outcome.rule.severity],
        description=outcome.message or None,
        metadata=metadata,
    )


def version_metadata(version: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a version's stamp as Dagster's metadata."""
    statuses = [check["status"] for check in facts.get("checks", ())]
    metadata: dict[str, Any] = {
        "dagster/row_count": facts["rows"],
        "mesh/rows_written": facts["rows_written"],
        "mesh/version": version,
        "mesh/checks_passed": statuses.count("passed"),
        "mesh/checks_warned": statuses.count("warned"),
    }
    optional = ("seconds", "partition")
    metadata |= {f"mesh/{name}": facts[name] for name in optional if facts.get(name) is not None}
    if facts.get("inputs") is not None:
        metadata["mesh/inputs"] = dg.MetadataValue.json(facts["inputs"])
    return metadata


def published_result(
    product_id: str, version: int, facts: Mapping[str, Any], **metadata: Any
) -> dg.MaterializeResult[None]:
    """A version with its checks, from its stamp, and further ``metadata``."""
    content = data_version(facts)
    checks = [
        dg.AssetCheckResult(
            asset_key=asset_key(product_id),
            check_name=check["rule"],
            passed=check["status"] == "passed",
            severity=SEVERITY_IN_DAGSTER["warning" if check["status"] == "warned" else "error"],
            metadata={} if check["count"] is None else {"violations": check["count"]},
        )
        for check in facts.get("checks", ())
    ]
    return dg.MaterializeResult(
        asset_key=asset_key(product_id),
        metadata={**version_metadata(version, facts), **metadata},
        data_version=dg.DataVersion(content) if content else None,
        check_results=checks,
    )


def published_events(
    result: dg.MaterializeResult[None], keys: Iterable[str | None]
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """A result as events: a materialization per partition key, or one for None, and the check results."""
    assert result.asset_key is not None
    tags: dict[str, str] = {}
    if (version := result.data_version) is not None:
        tags = {"dagster/data_version": version.value, "dagster/data_version_is_user_provided": "true"}
    for key in keys:
        yield dg.AssetMaterialization(result.asset_key, metadata=result.metadata, partition=key, tags=tags)
    yield from map(evaluation, result.check_results)


def evaluation(check: dg.AssetCheckResult, words: str | None = None) -> dg.AssetCheckEvaluation:
    """A check's result as an event, with the description ``words``."""
    assert check.asset_key is not None
    assert check.check_name is not None
    return dg.AssetCheckEvaluation(
        check.asset_key,
        check.check_name,
        check.passed,
        check.metadata,
        severity=check.severity,
        description=words,
    )


def publication_metadata(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    publication: Publication[Outcomes],
    window: Window | None,
    seconds: float,
    preview: bool,
) -> dict[str, Any]:
    """Rows, bytes, version and seconds, and a preview of a whole table if all users may see it."""
    facts = {
        "rows": publication.rows,
        "rows_written": publication.rows_written,
        "seconds": round(seconds, 3),
        "partition": window.key if window else None,
        **checks_summary(publication.audited),
    }
    metadata: dict[str, Any] = {}
    if preview and window is None and (rows := _preview(connection, product)):
        metadata["mesh/preview"] = _table(rows)
    counts = f"{counted(publication.rows, 'row')} in {counted(publication.bytes, 'byte')}"
    metadata["mesh/summary"] = f"version {publication.version}: {counts}, made in {seconds:.1f} s"
    metadata |= version_metadata(publication.version, facts)
    return metadata | {"mesh/bytes": publication.bytes, "mesh/platform_core": __version__}


def changed_columns(made: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The columns of a version, by its stamp, that differ from the one before; nothing where the rows do."""
    contents = (made.get("content"), (before or {}).get("content"))
    columns = columns_differing(contents[0], contents[1]) if contents[0] and contents[1] else None
    return {} if columns is None else {CHANGED: dg.MetadataValue.json(sorted(columns))}


def column_lineage(prints: QueryPrint) -> dict[str, Any]:
    """The columns from which each column is made, over all domains, for the UI."""
    found = {
        column: [
            dg.TableColumnDep(asset_key(source), name)
            for source, names in each.values.items()
            for name in names
        ]
        for column, each in prints.columns.items()
    }
    return {LINEAGE: dg.TableColumnLineage(deps_by_column=found)}


def column_facts(run: RunContext, version: int, preview: bool) -> dict[str, Any]:
    """The statistics of the columns as a table, after they and the contract were written to the version's
    folder. A fault is a warning, because the version is published."""
    try:
        found = statistics(run.connection, run.product, preview)
        file = ProductFiles(run.location, run.product).statistics(version)
        mode = 0o600 if run.product.restricted else None
        write_whole(file, json.dumps(found, indent=2), mode)
        run.location.keep(file)
        contract = ProductFiles(run.location, run.product).contract(version)
        write_whole(contract, run.product.path.read_bytes(), mode)
        run.location.keep(contract)
    except (duckdb.Error, OSError, LakeError) as error:
        return {WARNING: f"the version has no statistics: {type(error).__name__}"}
    return {"mesh/statistics": _table(found)}


def parts_metadata(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, window: Window, preview: bool
) -> dict[str, dict[str, Any]]:
    """Rows, range and preview of each partition in a run's window, by key; empty for too many partitions."""
    assert product.partitions is not None
    parts = [
        each for each in partition_windows(product.partitions) if window.start <= each.start < window.end
    ]
    if len(parts) > MAX_PARTS:
        return {}
    table, zone = table_of(product), ZoneInfo(product.partitions.timezone)
    columns = describe(connection, f"FROM {table}")
    where = {each.key: window_predicate(product, columns, each) for each in parts}
    counts = ", ".join(f"count(*) FILTER ({mine})" for mine in where.values())
    whole = window_predicate(product, columns, window)
    [rows] = connection.execute(f"SELECT {counts} FROM {table} WHERE {whole}").fetchall()
    metadata: dict[str, dict[str, Any]] = {}
    for each, count in zip(parts, rows, strict=True):
        span = [f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in (each.start, each.end)]
        metadata[each.key] = {
            "dagster/partition_row_count": count,
            "mesh/partition": each.key,
            "mesh/range": f"{' to '.join(span)} {zone.key}",
        }
        if preview and (sample := _preview(connection, product, where[each.key])):
            metadata[each.key]["mesh/preview"] = _table(sample)
    return metadata


def _preview(connection: duckdb.DuckDBPyConnection, product: DataProduct, where: str = "true") -> Sample:
    wanted = ", ".join(quoted(column.name) for column in product.columns if column.shown_in_samples)
    if not wanted:
        return ()
    return fetch(connection, f"SELECT {wanted} FROM {table_of(product)} WHERE {where} LIMIT {PREVIEW_ROWS}")


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Rows as a table for the UI."""
    records = [dg.TableRecord({name: preview_cell(value) for name, value in row.items()}) for row in rows]
    schema = dg.TableSchema(columns=[dg.TableColumn(name=name) for name in rows[0]])
    return dg.MetadataValue.table(records=records, schema=schema)
