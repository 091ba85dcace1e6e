"""What a run tells of a product: check results, and what the published version looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import duckdb

from platform_core import __version__
from platform_core.contracts.model import DataProduct
from platform_core.contracts.windows import Window
from platform_core.lake.location import table_of
from platform_core.lake.publish import Publication
from platform_core.products.description import preview_cell
from platform_core.products.spec import SEVERITY_IN_DAGSTER, asset_key
from platform_core.quality.outcome import CheckOutcome
from platform_core.sql.quoting import quoted
from platform_core.sql.times import in_words

Outcomes = tuple[CheckOutcome, ...]
PREVIEW_ROWS = 5


def check_results(product: DataProduct, outcomes: Outcomes) -> list[dg.AssetCheckResult]:
    return [check_result(asset_key(product.id), outcome) for outcome in outcomes]


def check_result(key: dg.AssetKey, outcome: CheckOutcome) -> dg.AssetCheckResult:
    """One rule's outcome as Dagster shows it: violations, duration, and up to ten sample keys."""
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


def publication_metadata(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    publication: Publication[Outcomes],
    window: Window | None,
    seconds: float,
    preview: bool,
) -> dict[str, Any]:
    """Rows, bytes, version and seconds, and a preview where everybody may see one."""
    metadata: dict[str, Any] = {
        "dagster/row_count": publication.rows,
        "mesh/rows_written": publication.rows_written,
        "mesh/bytes": publication.bytes,
        "mesh/version": publication.version,
        "mesh/seconds": round(seconds, 3),
        "mesh/checks_passed": sum(o.passed for o in publication.audited),
        "mesh/checks_warned": sum(not o.passed for o in publication.audited),
        "mesh/platform_core": __version__,
    }
    if window is not None:
        metadata["mesh/partition"] = window.key
    if preview and (rows := _preview(connection, product)):
        metadata["mesh/preview"] = _table(rows)
    return metadata


def _preview(connection: duckdb.DuckDBPyConnection, product: DataProduct) -> list[dict[str, Any]]:
    columns = [column.name for column in product.columns if column.shown_in_samples]
    if not columns:
        return []
    wanted = ", ".join(quoted(column) for column in columns)
    shown = in_words(connection, f"SELECT {wanted} FROM {table_of(product)} LIMIT {PREVIEW_ROWS}")
    rows = connection.execute(shown).fetchall()
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Rows of plain values for the UI; a cell of another type is shown as text."""
    records = [dg.TableRecord({name: preview_cell(value) for name, value in row.items()}) for row in rows]
    schema = dg.TableSchema(columns=[dg.TableColumn(name=name) for name in rows[0]])
    return dg.MetadataValue.table(records=records, schema=schema)
