"""Dagster's records of a mesh: materializations, check results and runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg


def key(product: str) -> dg.AssetKey:
    return dg.AssetKey(product.split("/"))


def materializations(instance: dg.DagsterInstance, product: str) -> list[dg.EventLogRecord]:
    """All of them, the newest first."""
    return list(instance.fetch_materializations(key(product), limit=1000).records)


def metadata(instance: dg.DagsterInstance, product: str) -> dict[str, Any]:
    """Of the latest materialization: plain values by name."""
    latest = instance.get_latest_materialization_event(key(product))
    assert latest is not None, f"{product} was never materialized"
    assert latest.asset_materialization is not None
    return _plain(latest.asset_materialization.metadata)


def checks(instance: dg.DagsterInstance, product: str, run_id: str) -> dict[str, dg.AssetCheckEvaluation]:
    """The check results of one run, by the check's name."""
    found = {}
    for record in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        assert record.dagster_event is not None
        result = record.dagster_event.asset_check_evaluation_data
        if result.asset_key == key(product):
            found[result.check_name] = result
    return found


def check_metadata(result: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return _plain(result.metadata)


def runs_of(instance: dg.DagsterInstance, product: str) -> list[dg.DagsterRun]:
    """Runs that were to make a product, the newest first."""
    return [run for run in instance.get_runs() if key(product) in (run.asset_selection or ())]


def columns(table: Iterable[dg.TableRecord]) -> set[str]:
    return {name for record in table for name in record.data}


def _plain(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, Any]:
    return {
        name: value.records if isinstance(value, dg.TableMetadataValue) else value.value
        for name, value in metadata.items()
    }
