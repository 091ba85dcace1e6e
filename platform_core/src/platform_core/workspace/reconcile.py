"""Versions that were published and never recorded, since their process was killed in between."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import dagster as dg

from platform_core.contracts.registry import Registry
from platform_core.contracts.windows import keys_in
from platform_core.errors import PlatformError
from platform_core.lake.connect import connect
from platform_core.lake.location import RESTRICTED, LakeLocation
from platform_core.lake.versions import newest, stamps
from platform_core.products.report import published_events, published_result
from platform_core.workspace.recipe import record
from platform_core.workspace.records import newest as recorded

Version = tuple[str, int, dict[str, Any]]
"""Of a product: its id, the version, and the facts in its stamp."""


def reconcile(instance: dg.DagsterInstance, root: Path, domains: Collection[str]) -> None:
    """Record what the lakes of some domains hold beyond what the instance knows: materializations and check
    results, by the facts in each version's own stamp. Of the versions that a product lost, the newest is
    recorded, or the newest of each partition.

    To be called by one process at a time. A version whose run is still under way is left to it, so no lake
    is locked. A lake that cannot be read is told on standard error, and keeps no other back.
    """
    location = LakeLocation.current(root)
    for lake in (name + kind for name in sorted(domains) for kind in ("", RESTRICTED)):
        if not location.is_readable(lake):
            continue
        try:
            for version in _lost(instance, location, lake):
                _record(instance, root, *version)
        except PlatformError as error:
            sys.stderr.write(f"{error}\n")


def _lost(instance: dg.DagsterInstance, location: LakeLocation, lake: str) -> list[Version]:
    with connect(location, read=[lake]) as connection:
        published = newest(connection, lake)
        known = recorded(instance, published)
        found: list[Version] = []
        for product, (version, at) in published.items():
            made = known.get(product)
            if made is not None and (made.version == version or made.at >= at):
                continue
            parts: dict[str | None, Version] = {}
            for number, then, facts in stamps(connection, lake, product):  # the newest first
                if made is None or then > made.at:
                    parts.setdefault(facts.get("partition"), (product, number, facts))
            found += reversed(parts.values())
    # Asked for its run first, and then once more what is recorded: it may have been recorded meanwhile.
    over = [each for each in found if not _under_way(instance, each[2]["run_id"])]
    known = recorded(instance, {product for product, _, _ in over})
    return [each for each in over if each[0] not in known or known[each[0]].version != each[1]]


def _under_way(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and not run.is_finished


def _record(
    instance: dg.DagsterInstance, root: Path, product_id: str, version: int, facts: dict[str, Any]
) -> None:
    keys: Collection[str | None] = [None]
    if facts.get("partition") is not None:
        partitions = Registry.open(root).get(product_id).partitions
        keys = (partitions and keys_in(partitions, facts["partition"])) or keys
    for event in published_events(published_result(product_id, version, facts), keys):
        record(instance, facts["run_id"], event)
