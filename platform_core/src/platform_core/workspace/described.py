"""A location's assets as Dagster has them: what each reads and which of its partitions a run may cover.

Apart from ``recipe``, whose imports take as long as a location.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from platform_core.products.spec import FOREIGN_KEY
from platform_core.workspace.messages import Asset

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetNode


def described(repository: dg.RepositoryDefinition) -> tuple[Asset, ...]:
    """Every asset that the location makes itself; external ones only appear as upstream keys."""
    graph = repository.asset_graph
    nodes = [graph.get(key) for key in sorted(graph.get_all_asset_keys())]
    return tuple(_asset(node, repository) for node in nodes if node.is_materializable)


def _asset(node: AssetNode, repository: dg.RepositoryDefinition) -> Asset:
    partitions, policy = node.partitions_def, node.backfill_policy
    mappings = {key.to_user_string(): mapping for key, mapping in node.partition_mappings.items()}
    deps = repository.assets_defs_by_key[node.key].specs_by_key[node.key].deps
    together = sorted(key.to_user_string() for key in node.execution_set_asset_keys)
    return Asset(
        key=node.key.to_user_string(),
        upstream=tuple(sorted(key.to_user_string() for key in node.parent_keys if key != node.key)),
        partitions=tuple(partitions.get_partition_keys()) if partitions is not None else None,
        grid=repr(partitions) if partitions is not None else None,
        # Dagster's own default without a policy is a run per partition.
        per_run=(policy.max_partitions_per_run or 0) if policy is not None else int(partitions is not None),
        together=tuple(together) if len(together) > 1 else (),
        checked_against=tuple(
            sorted(dep.asset_key.to_user_string() for dep in deps if FOREIGN_KEY in (dep.metadata or {}))
        ),
        all_of=_mapped(mappings, dg.AllPartitionMapping),
        last_of=_mapped(mappings, dg.LastPartitionMapping),
    )


def _mapped(mappings: Mapping[str, dg.PartitionMapping], kind: type[dg.PartitionMapping]) -> tuple[str, ...]:
    return tuple(sorted(key for key, mapping in mappings.items() if isinstance(mapping, kind)))
