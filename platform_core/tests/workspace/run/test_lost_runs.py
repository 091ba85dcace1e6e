"""A run whose process is lost, followed through the events that the UI shows of it."""

from __future__ import annotations

from typing import Any

from platform_core.workspace.dagster_internals import remote_event
from platform_core.workspace.protocol import Moved
from platform_core.workspace.run.progress import Progress

AT = 1_000.0


def take(progress: Progress, kind: str, step: str, at: float = AT, **more: Any) -> list[Moved]:
    event = remote_event({"eventType": kind, "stepKey": step, **more})
    assert event is not None
    return list(progress.take(event, True, at))


def recorded(product: str, rows: int) -> dict[str, Any]:
    entries = [
        {"label": "dagster/row_count", "intRepr": str(rows)},
        {"label": "note", "text": "text"},
        {"label": "x"},
    ]
    return {"assetKey": {"path": product.split("/")}, "metadataEntries": entries}


def begun() -> Progress:
    progress = Progress(["shop/one", "shop/two"])
    for product in ("shop/one", "shop/two"):
        progress.plan(product.replace("/", "__"), product)
        progress.plan(product.replace("/", "__"), product, "row_count")
    assert [each.state for each in take(progress, "STEP_START", "shop__one")] == ["running"]
    return progress


def test_a_recorded_version_is_not_made_again() -> None:
    progress = begun()
    assert take(progress, "ASSET_MATERIALIZATION", "shop__one", **recorded("shop/one", 3)) == []
    assert progress.unfinished() == ["shop/two"]
    progress.plan("shop__two", "shop/two")
    take(progress, "STEP_START", "shop__two")
    (two,) = take(progress, "STEP_SUCCESS", "shop__two", AT + 2)
    assert (two.key, two.state, two.seconds) == ("shop/two", "ok", 2.0)
    (one,) = progress.conclude("no reason")
    assert (one.key, one.state, one.rows, one.error) == ("shop/one", "ok", 3, None)


def test_a_product_that_no_run_made_fails_with_the_reason() -> None:
    progress = begun()
    assert progress.unfinished() == ["shop/one", "shop/two"]
    ended = {each.key: (each.state, each.error) for each in progress.conclude("it was lost four times")}
    assert ended == dict.fromkeys(("shop/one", "shop/two"), ("failed", "it was lost four times"))


def test_a_failed_check_and_a_failed_step_are_shown_as_they_are_here() -> None:
    progress = begun()
    check = {
        "assetKey": {"path": ["shop", "one"]},
        "checkName": "row_count",
        "success": False,
        "severity": "ERROR",
    }
    take(progress, "ASSET_CHECK_EVALUATION", "shop__one", evaluation=check)
    error = {"message": "outer", "className": "DagsterExecutionStepExecutionError", "stack": [], "causes": []}
    (one,) = take(
        progress, "STEP_FAILURE", "shop__one", error=error, errorSource="USER_CODE_ERROR",
        failureMetadata={"description": "error[Q001]: no rows"},
    )  # fmt: skip
    assert (one.state, one.failed, one.error) == ("failed", 1, "error[Q001]: no rows")
    assert [each.state for each in progress.conclude("no reason")] == ["skipped"]


def test_other_events_are_left_out() -> None:
    assert remote_event({"eventType": "RUN_START", "stepKey": None}) is None
    assert remote_event({"eventType": None, "stepKey": None}) is None
