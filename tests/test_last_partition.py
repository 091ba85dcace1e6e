"""An explicit mapping onto another location's monthly product survives in the merged workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.assets.graph.remote_asset_graph import RemoteWorkspaceAssetGraph
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from mesh_command import ROOT
from mesh_copy import copy_mesh
from small_mesh import KEPT, TWO_DAYS, SmallMesh

LEDGER = dg.AssetKey(["sales", "transactions"])
REPORT = dg.AssetKey(["finance", "latest_month"])
WEEKS = """\
    properties:
      - {name: week, logicalType: integer, primaryKey: true, classification: internal, description: Week.}
      - name: sales_value
        logicalType: number
        required: true
        classification: internal
        description: US dollars.
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0}"""
CODE = """
from platform_core import Input, Table, data_product

@data_product(inputs={"lines": Input("sales/transactions", partitions="last")})
def latest_month(lines: Table) -> str:
    return f"SELECT week, sum(sales_value) AS sales_value FROM {lines} GROUP BY week"
"""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteWorkspaceAssetGraph]:
    """Sales and a domain that reads its last month, in separate processes, merged by Dagster."""
    copy = copy_mesh(tmp_path_factory.mktemp("finance") / "mesh")
    finance = SmallMesh(copy.root)
    finance.contract(
        "finance/latest_month", WEEKS, roles="[]", promise=TWO_DAYS + KEPT, team="sales-analytics"
    )
    finance.write("domains/finance/src/finance/products.py", CODE)
    finance.location("finance", python=copy.root / "domains/marketing/.venv/bin/python")
    copy.edit(
        "domains/sales/contracts/transactions.odcs.yaml",
        "- {role: domain:marketing, access: read}",
        "- {role: domain:marketing, access: read}\n  - {role: domain:finance, access: read}",
    )
    workspace = copy.root / "workspace.yaml"
    entries = yaml.safe_load(workspace.read_text())["load_from"]
    wanted = [entry for entry in entries if entry["python_module"]["location_name"] in ("finance", "sales")]
    workspace.write_text(yaml.safe_dump({"load_from": wanted}))
    with pytest.MonkeyPatch.context() as patch:
        # The code servers that Dagster starts take both from the process that asks for them.
        patch.chdir(copy.root)
        patch.setenv("MESH_ROOT", str(copy.root))
        patch.setenv("MESH_HOME", str(copy.root / ".mesh"))
        with (
            dg.DagsterInstance.local_temp(str(copy.root)) as instance,
            WorkspaceProcessContext(instance, WorkspaceFileTarget([os.fspath(workspace)])) as context,
        ):
            request = context.create_request_context()
            faults = [entry.load_error for entry in request.get_code_location_entries().values()]
            assert faults == [None, None]
            yield request.asset_graph


def test_both_locations_are_in_the_graph(graph: RemoteWorkspaceAssetGraph) -> None:
    assert graph.get(LEDGER).is_executable
    assert graph.get(REPORT).is_executable
    assert LEDGER in graph.get(REPORT).parent_keys


def test_the_last_month_is_not_turned_into_all_months(graph: RemoteWorkspaceAssetGraph) -> None:
    mapping = graph.get_partition_mapping(REPORT, LEDGER)

    assert isinstance(mapping, dg.LastPartitionMapping)


def test_the_producers_own_words_win(graph: RemoteWorkspaceAssetGraph) -> None:
    contract = yaml.safe_load((ROOT / "domains/sales/contracts/transactions.odcs.yaml").read_text())
    ledger = graph.get(LEDGER)

    assert ledger.description is not None
    assert ledger.description.startswith(contract["description"]["purpose"][:40])
    assert list(ledger.owners) == [f"team:{contract['team']['name']}"]
    assert ledger.partitions_def is not None
    assert len(ledger.partitions_def.get_partition_keys()) == 12
