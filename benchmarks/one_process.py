"""All products as assets of a single location, executed one after the other in this process.

    python -m benchmarks.one_process [PRODUCT ...]

This is the mesh without its isolation: one environment, one interpreter, one Dagster run. Only the
packages of the domains are the same.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence

import dagster as dg

from platform_core import domain_definitions
from platform_core.products.resource import LakeResource

DOMAINS = ("sales", "hr", "marketing", "central_data_platform")
RANGE = "dagster/asset_partition_range_{}"


def all_assets(domains: Iterable[str] = DOMAINS) -> list[dg.AssetsDefinition]:
    """The assets of some domains, without their external assets."""
    return [
        asset
        for domain in domains
        for asset in domain_definitions(domain).assets or ()
        if isinstance(asset, dg.AssetsDefinition)
    ]


def materialize(products: Sequence[str]) -> int:
    """Materialize the named products, or all of them; returns the number of materializations."""
    assets = all_assets()
    grids = {tuple(asset.partitions_def.get_partition_keys()) for asset in assets if asset.partitions_def}
    [grid] = grids  # a single run has only one grid
    result = dg.materialize(
        assets,
        selection=[asset for asset in assets if not products or asset.key.to_user_string() in products],
        resources={"lake": LakeResource()},
        instance=dg.DagsterInstance.get(),
        tags={RANGE.format("start"): grid[0], RANGE.format("end"): grid[-1]},
    )
    return len(result.get_asset_materialization_events())


if __name__ == "__main__":
    began = time.monotonic()
    done = materialize(sys.argv[1:])
    print(json.dumps({"seconds": time.monotonic() - began, "materializations": done}))
