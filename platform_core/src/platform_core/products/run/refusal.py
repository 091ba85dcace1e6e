"""The report of a failed run: readers keep the published version, and its checks stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import dagster as dg
import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import PlatformError
from platform_core.lake.versions import stamps
from platform_core.products.catalog.spec import asset_key
from platform_core.products.resource import LakeResource
from platform_core.products.run.report import WARNING, check_result, evaluation, published_result
from platform_core.quality.outcome import Outcomes

_LOOKED_BACK: Final = 100
"""Executions of a check that are searched for its last result."""


def interrupted(error: BaseException) -> BaseException:
    """The error, or KeyboardInterrupt if the engine raised it because of Ctrl-C."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:  # a function's errors may be a circle
        seen.add(id(cause))
        if isinstance(cause, duckdb.InterruptException) or str(cause) == "Query interrupted":
            return KeyboardInterrupt()
        cause = cause.__cause__ or cause.__context__
    return error


def failed_run(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    product: DataProduct,
    failure: BaseException,
    outcomes: Outcomes,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckEvaluation]:
    """The events of a failed run. Raises the failure, unless the version was published before it."""
    newest, stopped = _newest(lake, product), not isinstance(failure, Exception)
    if newest is not None and newest[1]["run_id"] == context.run.run_id:
        # The version was committed before Ctrl-C or the fault.
        reason = getattr(failure, "description", None) or failure
        late = f"{product.id} was published. After that:\n{reason}"
        yield published_result(product.id, newest[0], newest[1], **{WARNING: late})
        if product.kind == "stream" or stopped:
            raise failure
        return
    if stopped:
        restore_check_results(context.instance, context.run.run_id)
    kept = "nothing was published"
    if newest is not None:
        kept += f"; readers keep version {newest[0]} of {product.id}"
    # Without a materialization: by default Dagster would take that of the published version.
    for result in (check_result(asset_key(product.id), outcome) for outcome in outcomes):
        yield evaluation(result, f"{result.description}; {kept}" if result.description else kept)
    if isinstance(failure, dg.Failure):
        raise dg.Failure(description=f"{failure.description}\n\n{kept}", allow_retries=False)
    raise failure


def _newest(lake: LakeResource, product: DataProduct) -> tuple[int, dict[str, Any]] | None:
    """The published version and its stamp; None if the lake cannot be read."""
    with suppress(PlatformError), lake.connect(read=[product.lake]) as connection:
        for version, _, facts in stamps(connection, product.lake, product.id, limit=1):
            return version, facts
    return None


def restore_check_results(instance: dg.DagsterInstance, run_id: str) -> None:
    """Report the last result of each check again that an interrupted run planned: for Dagster the planned
    one is newer and has no result."""
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
