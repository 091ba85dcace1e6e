"""Recording of published versions whose process was killed before it could record them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import dagster as dg

from platform_core.contracts.partitions import keys_in
from platform_core.diagnostics import PlatformError
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import RESTRICTED, LakeLocation
from platform_core.lake.versions import newest, stamps
from platform_core.products.run.report import published_events, published_result
from platform_core.registry.lookup import Registry
from platform_core.workspace.dagster_internals import record
from platform_core.workspace.records.products import newest as recorded

Version = tuple[int, datetime, dict[str, Any]]
BROKEN: Final = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def reconcile(instance: dg.DagsterInstance, root: Path, domains: Collection[str]) -> None:
    """Record materializations and check results of published versions that the instance does not have, from
    the stamp of each version: the newest version of a product, or of each of its partitions, and missing
    parts of a partly recorded version.

    Only one process at a time may call it. It leaves versions of unfinished runs to these runs, so it locks
    no lake. It reports a lake that cannot be read on standard error, and continues with the others.
    """
    location = current_lakes(root)
    for lake in (name + kind for name in sorted(domains) for kind in ("", RESTRICTED)):
        if not location.is_readable(lake):
            continue
        try:
            for product, versions in _lost(instance, location, lake).items():
                for version in versions:
                    _record(instance, root, product, version)
        except PlatformError as error:
            sys.stderr.write(f"{error}\n")


def _lost(instance: dg.DagsterInstance, location: LakeLocation, lake: str) -> dict[str, list[Version]]:
    with connect(location, read=[lake]) as connection:
        published = newest(connection, lake)
        known = recorded(instance, published)
        broken = _broken(instance, {made.run_id for made in known.values()})
        found: dict[str, list[Version]] = {}
        for product, version in published.items():
            made = known.get(product)
            if made is not None and made.version == version:
                if made.run_id in broken:
                    found[product] = list(stamps(connection, lake, product, version=version))
                continue
            kept = list(stamps(connection, lake, product))
            if made is not None and made.version in {number for number, *_ in kept}:
                kept = [each for each in kept if each[0] > (made.version or 0)]
            elif made is not None:  # from another lake
                kept = [each for each in kept if each[1] > made.at]
            newest_of_parts = {each[2].get("partition"): each for each in reversed(kept)}
            found[product] = sorted(newest_of_parts.values(), key=lambda each: each[0])
    return {
        product: [each for each in versions if not _unfinished(instance, each[2]["run_id"])]
        for product, versions in found.items()
    }


def _broken(instance: dg.DagsterInstance, runs: Collection[str]) -> set[str]:
    """Failed and canceled runs, which may have recorded only a part of their results."""
    if not runs:  # Dagster would return all runs
        return set()
    return {run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=list(runs), statuses=BROKEN))}


def _unfinished(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and not run.is_finished


def _record(instance: dg.DagsterInstance, root: Path, product_id: str, published: Version) -> None:
    version, at, facts = published
    keys: Collection[str | None] = [None]
    if facts.get("partition") is not None:
        partitions = Registry.open(root).get(product_id).partitions
        keys = (partitions and keys_in(partitions, facts["partition"])) or keys
    result = published_result(product_id, version, facts)
    assert result.asset_key is not None  # products are named
    # Its run has ended, and may have recorded everything meanwhile.
    events = instance.fetch_materializations(result.asset_key, limit=len(keys)).records
    made = [event.asset_materialization for event in events]
    value = dg.IntMetadataValue(version)
    known = {each.partition for each in made if each and each.metadata.get("mesh/version") == value}
    checked = _checked_since(instance, result.check_results, at, facts["run_id"])
    for event in published_events(result, [key for key in keys if key not in known]):
        if isinstance(event, dg.AssetMaterialization) or event.check_name not in checked:
            record(instance, facts["run_id"], event)


def _checked_since(
    instance: dg.DagsterInstance, results: Iterable[dg.AssetCheckResult], at: datetime, run_id: str
) -> set[str]:
    """The checks with a result of this run, or of a later run, planned ones included."""
    keys = [
        dg.AssetCheckKey(check.asset_key, check.check_name)
        for check in results
        if check.asset_key and check.check_name
    ]
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    # Dagster keeps the time of the plan for a planned check, even after its result.
    return {
        key.name
        for key, last in latest.items()
        if (
            isinstance(last.evaluation, dg.AssetCheckEvaluation)
            if last.run_id == run_id
            else last.create_timestamp >= at.timestamp()
        )
    }
