"""What a run tells that published nothing: readers keep the version of before, and its checks stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import dagster as dg
import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.products.report import Outcomes, check_results

_LOOKED_BACK: Final = 100
"""Executions of a check that are asked for its last result."""


def interrupted(error: BaseException) -> BaseException:
    """An error, or KeyboardInterrupt where it is what the engine makes of a Ctrl-C while it computes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, duckdb.InterruptException) or str(cause) == "Query interrupted":
            return KeyboardInterrupt()
        cause = cause.__cause__ or cause.__context__
    return error


def readers_keep(product: DataProduct, version: int | None) -> str:
    """What readers go on to read, in words."""
    words = "nothing was published"
    return words if version is None else f"{words}; readers keep version {version} of {product.id}"


def refused_results(product: DataProduct, outcomes: Outcomes, kept: str) -> Iterator[dg.AssetCheckEvaluation]:
    """Check results of a refused version: they are of no materialization, least of all of the one that
    readers keep, which Dagster would take."""
    for result in check_results(product, outcomes):
        assert result.asset_key is not None
        assert result.check_name is not None
        words = f"{result.description}; {kept}" if result.description else kept
        yield dg.AssetCheckEvaluation(
            asset_key=result.asset_key,
            check_name=result.check_name,
            passed=result.passed,
            metadata=result.metadata,
            severity=result.severity,
            description=words,
        )


def keeping(failure: BaseException, kept: str) -> BaseException:
    """A failure that says what readers keep, where it is one of ours."""
    if isinstance(failure, dg.Failure):
        return dg.Failure(description=f"{failure.description}\n\n{kept}", allow_retries=False)
    return failure


def let_checks_stand(instance: dg.DagsterInstance, run_id: str) -> None:
    """Let the last result of each check be the newest again that an interrupted run planned and did not
    come to: Dagster takes a planned check for one that tells nothing of what is published."""
    planned = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    ).records
    events = (record.event_log_entry.dagster_event for record in planned)
    keys = [event.event_specific_data.asset_check_key for event in events]  # type: ignore[union-attr]
    storage = instance.event_log_storage
    for key, last in storage.get_latest_asset_check_execution_by_key(keys).items():
        if last.run_id == run_id and not isinstance(last.evaluation, dg.AssetCheckEvaluation):
            history = storage.get_asset_check_execution_history(key, limit=_LOOKED_BACK)
            evaluations = (each.evaluation for each in history)
            before = next((each for each in evaluations if isinstance(each, dg.AssetCheckEvaluation)), None)
            if before is not None:
                instance.report_runless_asset_event(before)
