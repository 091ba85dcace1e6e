"""The launcher of runs on several hosts: the only module outside of ``dagster_internals`` that uses Dagster's
non-public API. Dagster loads it by name, from the ``dagster.yaml`` of a deployment's instance."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import Array, DagsterRun, Field, IntSource, Map
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, LaunchRunContext, WorkerStatus
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult, GetCurrentRunsResult
from dagster._serdes import ConfigurableClassData, deserialize_value

ANSWER = 5
"""Seconds for a code server to answer whether it executes a run."""


class LeastBusyLauncher(DefaultRunLauncher):
    """Gives a run to the replica of its location that executes the fewest runs, of those that answer. Asks
    the same replica whether the run's process lives."""

    def __init__(
        self, inst_data: ConfigurableClassData | None, replicas: Mapping[str, Sequence[str]], patience: int
    ) -> None:
        super().__init__(inst_data)
        self._replicas, self._patience = replicas, patience
        self._silent: dict[str, float] = {}
        """Since when the replicas of runs do not answer."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        replicas = Map(str, Array(str))  # type: ignore[no-untyped-call]
        return {"replicas": Field(replicas), "patience": Field(IntSource)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> LeastBusyLauncher:
        return cls(inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        origin = run.remote_job_origin
        name = origin.repository_origin.code_location_origin.location_name if origin else ""
        found: list[tuple[int, int, DagsterGrpcClient]] = []
        for address in self._replicas.get(name, ()):
            host, _, port = address.rpartition(":")
            client = DagsterGrpcClient(host=host.strip("[]"), port=int(port))
            try:
                answer = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
            except DagsterUserCodeUnreachableError:
                continue  # another replica is asked
            found.append((len(answer.current_runs), len(found), client))
        if found:
            self.launch_run_from_grpc_client(self._instance, run, min(found)[2])
        else:
            super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, "no code server was given this run")
        try:
            request = CanCancelExecutionRequest(run_id=run.run_id)
            answer = client.can_cancel_execution(request, timeout=ANSWER)
        except DagsterUserCodeUnreachableError:
            silent = time.monotonic() - self._silent.setdefault(run.run_id, time.monotonic())
            if silent < self._patience:
                return CheckRunHealthResult(WorkerStatus.RUNNING, "its code server does not answer yet")
            reason = f"its code server did not answer for {self._patience} s"
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, reason)
        self._silent.pop(run.run_id, None)
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its code server does not execute it")
