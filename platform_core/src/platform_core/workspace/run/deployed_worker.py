"""The worker of a location whose runs the servers of a deployment execute: it submits and watches them."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from platform_core.deployment.model import DeploymentError
from platform_core.diagnostics import Diagnostic, PlatformError, RunError
from platform_core.source.workspace import Location
from platform_core.version import __version__
from platform_core.workspace.protocol import (
    PROTOCOL,
    Asset,
    Ended,
    Loaded,
    Message,
    Order,
    Unloadable,
    encode,
)
from platform_core.workspace.run.partition_keys import partition_tags
from platform_core.workspace.run.ui_server import PAUSE, UiServer
from platform_core.workspace.run.worker_process import WorkerProcess
from platform_core.workspace.version_skew import other_code_server

if TYPE_CHECKING:
    from platform_core.workspace.run.progress import Progress

ATTEMPTS: Final = 4
"""Submissions of a run whose process is lost."""
REPOSITORY: Final = "__repository__"
_ENDED: Final = ("SUCCESS", "FAILURE", "CANCELED")
_AWAY: Final = (
    "Could not reach user code server",
    "Deadline",
    "timed out",
    "UNAVAILABLE",
    "OperationalError",
)


class DeployedWorker(WorkerProcess):
    """Understands and sends the messages of a worker process, in a thread."""

    def __init__(self, location: Location, server: UiServer) -> None:
        self.location, self._server = location, server
        self._half = b""
        self._run: str | None = None
        """The run that has not ended."""
        self._work: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        read, self._write = os.pipe()
        self.output = os.fdopen(read, "rb", buffering=0)
        self._thread = threading.Thread(target=self._follow, name=location.name, daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        assert isinstance(message, Order)
        self._work.put(message)

    def stop(self) -> None:
        """Ask it to end: its run is canceled."""
        self._stopping.set()
        self._work.put(None)

    def ended(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def kill(self) -> None:
        self.stop()
        self.output.close()

    def left_behind(self) -> Diagnostic | None:
        if (run := self._run) is None:
            return None
        message = f"the run {run} of {self.location.name} has not ended yet"
        return Diagnostic(
            "E037", message, fix=f"Look at it, and cancel it there: {self._server.url}/runs/{run}."
        )

    def exit_report(self, doing: str, published: Iterable[str] = ()) -> Diagnostic:
        message = f"the runs of {self.location.name} could not be watched {doing}"
        return Diagnostic("E037", message, fix=f"Look at its runs: {self._server.url}/runs.")

    def _follow(self) -> None:
        try:
            self._emit(Loaded(self._assets(), __version__, PROTOCOL))
            while (order := self._work.get()) is not None:
                self._make(order)
                self._emit(Ended(order.number))
        except PlatformError as error:
            self._emit(Unloadable(str(error)))
        finally:
            os.close(self._write)

    def _emit(self, message: Message) -> None:
        with suppress(BrokenPipeError):
            os.write(self._write, encode(message))

    def _assets(self) -> tuple[Asset, ...]:
        name, until = self.location.name, time.monotonic() + self._server.patience
        while True:
            entry = self._server.ask("Location", self._stopping.is_set, name=name)[
                "workspaceLocationEntryOrError"
            ]
            found = entry.get("locationOrLoadError") or entry
            if found["__typename"] == "RepositoryLocation":
                break
            reason = found.get("message", "it is not in the workspace of the UI").strip().splitlines()[0]
            away = entry.get("loadStatus") == "LOADING" or any(word in reason for word in _AWAY)
            if not away or self._stopping.wait(PAUSE) or time.monotonic() > until:
                fix = "Read the log of its code server."
                raise RunError.of("R001", f"code location {name} does not load: {reason}", fix=fix)
        versions = {each["name"]: each["version"] for each in found["dagsterLibraryVersions"] or ()}
        if skew := other_code_server(self.location, versions.get("platform-core"), self._server.place):
            raise DeploymentError(skew)
        nodes = [node for each in found["repositories"] for node in each["assetNodes"]]
        nodes = [node for node in nodes if node["isMaterializable"]]
        return tuple(_asset(node, nodes) for node in sorted(nodes, key=lambda each: _key(each["assetKey"])))

    def _make(self, order: Order) -> None:
        from platform_core.workspace.run.progress import Progress

        progress, names = Progress(order.assets), ", ".join(order.assets)
        reason = Diagnostic("R006", f"the run of {names} ended before this asset").render()
        runs = list(partition_tags(order.partitions, order.per_run))
        try:
            for number, tags in enumerate(runs, start=1):
                left: Sequence[str] = order.assets
                for attempt in range(ATTEMPTS):
                    run = self._run = self._submit(left, tags, order, f"{order.number}.{number}.{attempt}")
                    lost = self._watch(run, progress, last=number == len(runs))
                    self._run = None
                    if lost is None or self._stopping.is_set() or not (left := progress.unfinished()):
                        break
                    fix = f"Look at the run: {self._server.url}/runs/{run}."
                    reason = Diagnostic("E037", f"the run of {names} was lost: {lost}", fix=fix).render()
                else:
                    break
                if self._stopping.is_set() or progress.failed():
                    break
        except PlatformError as error:
            reason = str(error)
        if not self._stopping.is_set():
            for moved in progress.conclude(reason):
                self._emit(moved)

    def _submit(self, assets: Iterable[str], tags: Mapping[str, str], order: Order, number: str) -> str:
        """Launch a run and return its id. The server is asked for its tag before it is launched again."""
        from dagster import AssetKey

        from platform_core.products.run.context import INVOCATION_TAG
        from platform_core.products.run.repeated import ORDER_TAG
        from platform_core.workspace.dagster_internals import ASSET_JOB, RETRIES_TAG

        own = {INVOCATION_TAG: order.invocation, ORDER_TAG: f"{self.location.name}.{number}"}
        selector = {
            "repositoryLocationName": self.location.name,
            "repositoryName": REPOSITORY,
            "jobName": ASSET_JOB,
            "assetSelection": [{"path": AssetKey.from_user_string(key).path} for key in assets],
        }
        params: dict[str, Any] = {
            "selector": selector,
            # The default executor would start a process for each product.
            "runConfigData": {"execution": {"config": {"in_process": {}}}},
            # This worker repeats lost runs itself, without the products that they made.
            "executionMetadata": {"tags": _tags({**tags, **own, RETRIES_TAG: "0"})},
        }
        until = time.monotonic() + self._server.patience
        while True:
            try:
                answer = self._server.ask_once("Launch", params=params)["launchRun"]
            except (OSError, ValueError) as error:
                answer = {"__typename": "Away", "message": f"{_AWAY[0]}: {error}"}
            if answer["__typename"] == "LaunchRunSuccess":
                return str(answer["run"]["runId"])
            known = self._server.ask("Submitted", self._stopping.is_set, tags=_tags(own))["runsOrError"]
            if known.get("results"):
                return str(known["results"][0]["runId"])
            if answer["__typename"] == "RunConfigValidationInvalid" and params.pop("runConfigData", None):
                continue  # the location has an executor of its own
            reason = (answer.get("message") or answer["__typename"]).strip()
            away = any(word in reason for word in _AWAY)
            if not away or self._stopping.wait(PAUSE) or time.monotonic() > until:
                message = f"the deployment refuses the run of {', '.join(assets)}: {reason.splitlines()[0]}"
                fix = f"Look at {self.location.name} in the UI: {self._server.url}/locations."
                raise DeploymentError.of("E035", message, self._server.place, "a run that is submitted", fix)

    def _watch(self, run: str, progress: Progress, last: bool) -> str | None:
        """Follow a run to its end. Returns the reason of one that was lost, which failed without an error."""
        from platform_core.workspace.dagster_internals import remote_event

        cursor, lost = None, None
        while True:
            # A failed answer does not end it: an interrupted run must still be canceled.
            found = self._server.ask("Events", run=run, cursor=cursor)
            events, status = found["logsForRun"], found["runOrError"].get("status")
            for each in events.get("events", ()):
                if each["__typename"].endswith("PlannedEvent"):
                    progress.plan(
                        each["stepKey"], _key(each.get("checked") or each["assetKey"]), each.get("checkName")
                    )
                    continue
                if _of_records(each.get("error")):
                    lost = each["error"]["message"].strip()
                    continue
                event = remote_event(each)
                for moved in progress.take(event, last, int(each["timestamp"]) / 1000) if event else ():
                    self._emit(moved)
                if each["__typename"] == "RunFailureEvent":
                    if event and each["error"]:
                        progress.fail(event)
                    elif not progress.failed():
                        lost = each["message"].strip() or "its process ended"
            cursor = events.get("cursor", cursor)
            if status in _ENDED and not events.get("hasMore"):
                return lost if status == "FAILURE" else None
            # A run that has just started may overwrite that it was canceled.
            if self._stopping.is_set() and status != "CANCELING":
                self._server.ask("Terminate", run=run)
            if not events.get("hasMore"):
                time.sleep(PAUSE)


def _of_records(error: Mapping[str, Any] | None) -> bool:
    """Whether a run failed at writing its own records: their database was away."""
    found = [error, *(error["causes"] or ())] if error else []
    return any("dagster_postgres" in line for each in found for line in each["stack"] or ())


def _key(key: Mapping[str, Any]) -> str:
    return "/".join(key["path"])


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _asset(node: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]]) -> Asset:
    from platform_core.products.catalog.spec import CHECKED_AGAINST

    key, keys, policy = _key(node["assetKey"]), node["partitionKeys"], node["backfillPolicy"]
    grid = (
        [node["partitionDefinition"]["description"], *keys[:1], *keys[-1:]] if node["isPartitioned"] else None
    )
    texts = {entry["label"]: entry.get("text") or "" for entry in node["metadataEntries"]}
    together = sorted(_key(each["assetKey"]) for each in nodes if each["opName"] == node["opName"])
    return Asset(
        key,
        tuple(sorted(up for each in node["dependencyKeys"] if (up := _key(each)) != key)),
        partitions=tuple(keys) if grid else None,
        grid=repr(grid) if grid else None,
        per_run=(policy["maxPartitionsPerRun"] or 0) if policy else int(bool(grid)),
        together=tuple(together) if len(together) > 1 else (),
        checked_against=tuple(texts.get(CHECKED_AGAINST, "").split()),
        all_of=tuple(sorted(_mapped(node, "AllPartitionMapping"))),
        last_of=tuple(sorted(_mapped(node, "LastPartitionMapping"))),
    )


def _mapped(node: Mapping[str, Any], kind: str) -> Iterator[str]:
    for each in node["dependencies"]:
        if (each["partitionMapping"] or {}).get("className") == kind:
            yield _key(each["asset"]["assetKey"])
