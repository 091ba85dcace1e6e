"""Metrics of a mesh for Prometheus. Dagster's instance is asked at each scrape, and nothing is kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus as Status
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from platform_core.diagnostics import PlatformError
from platform_core.workspace.records.products import recorded


class Metrics(Collector):
    """The records of a mesh's instance; ``mesh_instance_up`` is 0 where it does not answer."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def collect(self) -> list[GaugeMetricFamily]:
        found: list[GaugeMetricFamily] = []
        try:
            with recorded(self._root) as instance:
                found += _families(instance) if instance is not None else ()
        except (PlatformError, SQLAlchemyError, OSError):
            found = []
        up = GaugeMetricFamily("mesh_instance_up", "Whether Dagster's instance answers", float(bool(found)))
        return [up, *found]


def _families(instance: dg.DagsterInstance) -> Iterator[GaugeMetricFamily]:
    runs = GaugeMetricFamily("mesh_runs", "Runs that have not ended", labels=["status", "location"])
    ahead = [Status.QUEUED, Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]
    unfinished = instance.get_runs(dg.RunsFilter(statuses=ahead))
    counts = Counter((each.status.value, each.tags.get("dagster/code_location", "")) for each in unfinished)
    for labels, count in counts.items():
        runs.add_metric(labels, count)
    ended = GaugeMetricFamily("mesh_runs_ended", "Runs that have ended, since the first", labels=["status"])
    for status in (Status.SUCCESS, Status.FAILURE, Status.CANCELED):
        ended.add_metric([status.value], instance.get_runs_count(dg.RunsFilter(statuses=[status])))
    ages = GaugeMetricFamily("mesh_daemon_heartbeat_age_seconds", "Of each daemon", labels=["daemon"])
    for name, heartbeat in instance.get_daemon_heartbeats().items():
        ages.add_metric([name], time.time() - heartbeat.timestamp)
    made = GaugeMetricFamily("mesh_product_last_made_timestamp_seconds", "Newest version", labels=["product"])
    for record in instance.get_asset_records():
        if event := record.asset_entry.last_materialization:
            made.add_metric([record.asset_entry.asset_key.to_user_string()], event.timestamp)
    yield from (runs, ended, ages, made)
