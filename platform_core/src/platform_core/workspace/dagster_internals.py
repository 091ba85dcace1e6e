"""Dagster's non-public API, but for the webserver's in ``workspace/serve``: it loads a location as its code
server does, and executes a run in this process so that the UI shows it with its location, checks and logs.

``tests/workspace/test_dagster_internals.py`` tests it against the installed version.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg
from dagster._api.list_repositories import sync_list_repositories_grpc
from dagster._core.code_pointer import CodePointer
from dagster._core.definitions.assets.graph.asset_graph import AssetNode
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.reconstruct import initialize_repository_def_from_pointer
from dagster._core.events import DagsterEventType, JobFailureData, StepMaterializationData
from dagster._core.execution.api import create_execution_plan, execute_run_iterator
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.execution.plan.objects import (
    ErrorSource,
    StepFailureData,
    StepSuccessData,
    UserFailureData,
)
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import RemoteRepositoryOrigin
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module
from dagster._core.workspace.load import location_origins_from_yaml_paths
from dagster._grpc.client import DagsterGrpcClient
from dagster._serdes import ConfigurableClassData
from dagster_shared.error import SerializableErrorInfo

from platform_core.products.catalog.spec import FOREIGN_KEY
from platform_core.products.run.refusal import restore_check_results
from platform_core.workspace.protocol import Asset

ASSET_JOB: Final = "__ASSET_JOB"
MULTI_OR_IN_PROCESS: Final = "multi_or_in_process_executor"
RETRIES_TAG: Final = "dagster/max_retries"
ONE_KEY: Final = "dagster/partition"
RANGE_START: Final = "dagster/asset_partition_range_start"
UNFINISHED: Final = [
    dg.DagsterRunStatus[name] for name in ("NOT_STARTED", "STARTING", "STARTED", "CANCELING")
]
RANGE_END: Final = "dagster/asset_partition_range_end"


class RedirectedLogs(LocalComputeLogManager):
    """Local compute logs, without the four processes per run that copy them to the terminal."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> RedirectedLogs:
        return cls(inst_data=inst_data, **config_value)

    @contextlib.contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext]:
        out, err = (
            self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
            for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        )
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        with redirect_to_file(sys.stdout, out), redirect_to_file(sys.stderr, err):
            yield CapturedLogContext(log_key)
        Path(self.get_captured_local_path(log_key, "complete")).touch()


def open_instance(home: Path) -> dg.DagsterInstance:
    ref = InstanceRef.from_dir(str(home))
    logs = ref.compute_logs_data
    if logs.class_name == LocalComputeLogManager.__name__:
        quiet = ConfigurableClassData(__name__, RedirectedLogs.__name__, logs.config_yaml)
        ref = ref._replace(compute_logs_data=quiet)
    return dg.DagsterInstance.from_ref(ref)


def versions_of(host: str, port: int) -> Mapping[str, str]:
    """The libraries of a code server, with their versions. Raises dg.DagsterError without an answer."""
    return sync_list_repositories_grpc(DagsterGrpcClient(port, host=host)).dagster_library_versions or {}


def load_repository(module: str, attribute: str | None, directory: str | None) -> dg.RepositoryDefinition:
    """The repository of a location's module. It passes on exceptions of the location's code."""
    if attribute is None:
        attribute = loadable_targets_from_python_module(module, directory)[0].attribute
    pointer = CodePointer.from_module(module, attribute, directory)
    return initialize_repository_def_from_pointer(pointer)


def repository_origin(workspace: Path, location: str, repository: str) -> RemoteRepositoryOrigin:
    origins = location_origins_from_yaml_paths([str(workspace)])
    origin = next(origin for origin in origins if origin.location_name == location)
    return RemoteRepositoryOrigin(origin, repository)


class PreparedRun:
    """A run over assets of one location, recorded in the instance and not started yet."""

    def __init__(
        self,
        repository: dg.RepositoryDefinition,
        origin: RemoteRepositoryOrigin,
        instance: dg.DagsterInstance,
        assets: Collection[dg.AssetKey],
        tags: Mapping[str, str],
    ) -> None:
        self._instance = instance
        self._job = _in_process(repository.get_job(ASSET_JOB))
        subset = self._job.get_subset(asset_selection=frozenset(assets))
        config = _run_config(self._job)
        plan = create_execution_plan(subset, run_config=config, tags=dict(tags))
        self.steps: dict[str, tuple[dg.AssetKey | dg.AssetCheckKey, ...]] = {
            step.key: tuple(
                key
                for output in step.step_outputs
                if (key := output.properties.asset_key or output.properties.asset_check_key) is not None
            )
            for step in plan.steps
        }
        """The assets and checks of each step."""
        self.run = instance.create_run_for_job(
            job_def=self._job,
            remote_job_origin=origin.get_job_origin(ASSET_JOB),
            asset_selection=frozenset(assets),
            run_config=config,
            tags=tags,
        )

    def events(self) -> Iterator[dg.DagsterEvent]:
        """Execute it in this process and thread, event by event. An interrupt raises and ends the run: as
        canceled after ``report_run_canceling``, else as failed."""
        return iter(execute_run_iterator(InMemoryJob(self._job), self.run, self._instance))


def described(repository: dg.RepositoryDefinition) -> tuple[Asset, ...]:
    """Every asset that the location materializes. External assets appear only as upstream keys."""
    graph = repository.asset_graph
    nodes = [graph.get(key) for key in sorted(graph.get_all_asset_keys())]
    return tuple(_asset(node, repository) for node in nodes if node.is_materializable)


def _asset(node: AssetNode, repository: dg.RepositoryDefinition) -> Asset:
    partitions, policy = node.partitions_def, node.backfill_policy
    mappings = {key.to_user_string(): mapping for key, mapping in node.partition_mappings.items()}
    deps = repository.assets_defs_by_key[node.key].specs_by_key[node.key].deps
    checked = (dep.asset_key.to_user_string() for dep in deps if FOREIGN_KEY in (dep.metadata or {}))
    together = sorted(key.to_user_string() for key in node.execution_set_asset_keys)
    return Asset(
        key=node.key.to_user_string(),
        upstream=tuple(sorted(key.to_user_string() for key in node.parent_keys if key != node.key)),
        partitions=tuple(partitions.get_partition_keys()) if partitions is not None else None,
        grid=repr(partitions) if partitions is not None else None,
        # Without a policy, Dagster starts a run per partition.
        per_run=(policy.max_partitions_per_run or 0) if policy is not None else int(partitions is not None),
        together=tuple(together) if len(together) > 1 else (),
        checked_against=tuple(sorted(checked)),
        all_of=_mapped(mappings, dg.AllPartitionMapping),
        last_of=_mapped(mappings, dg.LastPartitionMapping),
    )


def _mapped(mappings: Mapping[str, dg.PartitionMapping], kind: type[dg.PartitionMapping]) -> tuple[str, ...]:
    return tuple(sorted(key for key, mapping in mappings.items() if isinstance(mapping, kind)))


@dataclass(frozen=True, slots=True)
class RecordedError:
    """The innermost cause of a failure in an event."""

    kind: str
    message: str
    stack: tuple[str, ...]


def was_interrupted(event: dg.DagsterEvent) -> bool:
    return event.step_failure_data.error_source is ErrorSource.INTERRUPT


def step_error(event: dg.DagsterEvent) -> tuple[str | None, RecordedError | None]:
    """The description of a failed step's dg.Failure, if any, and its error."""
    data = event.step_failure_data
    description = data.user_failure_data.description if data.user_failure_data is not None else None
    return description, _innermost(data.error)


def run_error(event: dg.DagsterEvent) -> RecordedError | None:
    return _innermost(event.job_failure_data.error)


def _innermost(error: SerializableErrorInfo | None) -> RecordedError | None:
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return None
    return RecordedError(error.cls_name or "", error.message.strip(), tuple(error.stack))


def remote_event(found: Mapping[str, Any]) -> dg.DagsterEvent | None:
    """An event of a run as GraphQL shows it, if the progress of a run needs it, and what it needs of it."""
    kind = DagsterEventType[found["eventType"] or "LOGS_CAPTURED"]
    data: Any = None
    if kind == DagsterEventType.ASSET_MATERIALIZATION:
        values = {each["label"]: each.get("text") for each in found["metadataEntries"]}
        values |= {e["label"]: int(e["intRepr"]) for e in found["metadataEntries"] if "intRepr" in e}
        key = dg.AssetKey(found["assetKey"]["path"])
        data = StepMaterializationData(dg.AssetMaterialization(key, metadata=values), [])
    elif kind == DagsterEventType.ASSET_CHECK_EVALUATION:
        check = found["evaluation"]
        key, severity = dg.AssetKey(check["assetKey"]["path"]), dg.AssetCheckSeverity[check["severity"]]
        data = dg.AssetCheckEvaluation(key, check["checkName"], check["success"], severity=severity)
    elif kind == DagsterEventType.STEP_FAILURE:
        described = found["failureMetadata"]
        failure = UserFailureData("", described["description"]) if described else None  # type: ignore[no-untyped-call]
        source = ErrorSource[found["errorSource"]] if found["errorSource"] else None
        error = _remote_error(found["error"])
        data = StepFailureData(error, failure, source)  # type: ignore[no-untyped-call]
    elif kind == DagsterEventType.RUN_FAILURE:
        data = JobFailureData(_remote_error(found["error"]))
    elif kind == DagsterEventType.STEP_SUCCESS:
        data = StepSuccessData(0.0)  # type: ignore[no-untyped-call]
    elif kind not in (DagsterEventType.STEP_START, DagsterEventType.STEP_SKIPPED):
        return None
    return dg.DagsterEvent(kind.value, ASSET_JOB, event_specific_data=data, step_key=found["stepKey"])


def _remote_error(error: Mapping[str, Any] | None) -> SerializableErrorInfo | None:
    if error is None:
        return None
    inner = (error["causes"] or [error])[-1]
    return SerializableErrorInfo(inner["message"], inner["stack"], inner["className"])


def announce_cancel(instance: dg.DagsterInstance, run_id: str) -> None:
    """Record that a run is being stopped on purpose, so that it ends as canceled."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_canceling(run)


def settle_cancel(instance: dg.DagsterInstance, run_id: str) -> None:
    """Record an interrupted run as canceled if it has not done so: a run that was starting may have
    overwritten the announcement, and then ends as failed without a failed step."""
    run = instance.get_run_by_id(run_id)
    failed = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1).records
    called_failed = run is not None and run.status == dg.DagsterRunStatus.FAILURE and not failed
    if run is not None and (called_failed or not run.is_finished):
        instance.report_run_canceled(run, "Interrupted.")
    restore_check_results(instance, run_id)


def record(
    instance: dg.DagsterInstance, run_id: str, event: dg.AssetMaterialization | dg.AssetCheckEvaluation
) -> None:
    """Record an event for a run that has ended before it could record it; for an unknown run, without a
    run."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        instance.report_runless_asset_event(event)
        return
    kind, data = (
        ("ASSET_MATERIALIZATION", StepMaterializationData(event, []))
        if isinstance(event, dg.AssetMaterialization)
        else ("ASSET_CHECK_EVALUATION", event)
    )
    instance.report_dagster_event(dg.DagsterEvent(kind, run.job_name, event_specific_data=data), run_id)


def close_abandoned(instance: dg.DagsterInstance, tag: str, alive: Callable[[str], bool]) -> list[str]:
    """Record unfinished runs whose process has ended as failed, or as canceled if that was requested. Returns
    their ids. ``tag`` is the tag with a run's process; runs without it stay unchanged."""
    closed = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        process = run.tags.get(tag)
        if process is None or alive(process):
            continue
        closed.append(run.run_id)
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "The process ended before it could record this.")
        else:
            instance.report_run_failed(run, "The process was killed. Its published versions are recorded.")
    return closed


def _in_process(job: dg.JobDefinition) -> dg.JobDefinition:
    if job.executor_def.name in (MULTI_OR_IN_PROCESS, dg.in_process_executor.name):
        return job
    return job.with_executor_def(dg.in_process_executor)


def _run_config(job: dg.JobDefinition) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if job.executor_def.name == MULTI_OR_IN_PROCESS:
        config["execution"] = {"config": {"in_process": {}}}
    if set(job.loggers) == {"console"}:
        # The instance keeps every event; a copy on the console only costs time.
        config["loggers"] = {"console": {"config": {"log_level": "CRITICAL"}}}
    return config
