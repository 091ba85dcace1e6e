"""A run that repeats a lost one: what that one had published is not made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window
from platform_core.lake.versions import stamps
from platform_core.products.run.context import INVOCATION_TAG

ORDER_TAG: Final = "mesh/order"
"""The tag of a run that `mesh run` submits: ``<location>.<order>.<run>.<attempt>``."""
ORDER: Final = "order"
"""The stamp's entry for a submitted run, the same for each attempt."""
_PREDECESSORS: Final = ("dagster/parent_run_id", "dagster/root_run_id")


def order_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The entry of the stamp; none for a run that `mesh run` did not submit."""
    order = tags.get(ORDER_TAG)
    return {ORDER: f"{tags.get(INVOCATION_TAG)}/{order.rpartition('.')[0]}"} if order else {}


def published_by_lost_run(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    tags: Mapping[str, str],
    window: Window | None,
) -> tuple[int, dict[str, Any]] | None:
    """Version and stamp of the newest version, if the run that this one repeats published it and ended before
    it could record it. A run that a person repeats makes a new version."""
    own = order_of(tags)
    lost = {tags.get(name) for name in _PREDECESSORS} if "dagster/retry_number" in tags else set()
    if not own and not lost:
        return None
    for version, _, facts in stamps(connection, product.lake, product.id, limit=1):
        same = (own and facts.get(ORDER) == own[ORDER]) or facts["run_id"] in lost
        if same and facts.get("partition") == (window.key if window else None):
            return version, facts
    return None
