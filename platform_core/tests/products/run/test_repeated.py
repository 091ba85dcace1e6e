"""A run that repeats a lost one does not make what that one published."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from small_mesh import ROWS, here

from platform_core.lake.connect import connect
from platform_core.lake.versions import stamps

FIRST = {"mesh/invocation": "call", "mesh/order": "shop.1.1.0"}


@pytest.mark.parametrize(
    ("tags", "made"),
    [
        ({**FIRST, "mesh/order": "shop.1.1.1"}, 1),
        ({**FIRST, "mesh/order": "shop.2.1.0"}, 2),
        ({**FIRST, "mesh/invocation": "another", "mesh/order": "shop.1.1.1"}, 2),
        ({"dagster/parent_run_id": "{run}", "dagster/retry_number": "1"}, 1),
        ({"dagster/root_run_id": "{run}", "dagster/parent_run_id": "x", "dagster/retry_number": "2"}, 1),
        ({"dagster/parent_run_id": "{run}"}, 2),
        ({}, 2),
    ],
)
def test_a_lost_run_that_had_published(tmp_path: Path, tags: dict[str, str], made: int) -> None:
    with here(tmp_path, "shop") as mesh, dg.DagsterInstance.ephemeral() as instance:
        mesh.contract("shop/sales")
        mesh.code("shop", f"@data_product\ndef sales():\n    return {ROWS!r}\n")
        job = mesh.definitions("shop").get_repository_def().get_implicit_global_asset_job_def()
        first = job.execute_in_process(instance=instance, tags=FIRST)
        given = {name: value.format(run=first.run_id) for name, value in tags.items()}
        again = job.execute_in_process(instance=instance, tags=given)
        assert again.success
        with connect(mesh.lakes, read=["shop"]) as connection:
            assert len(list(stamps(connection, "shop", "shop/sales"))) == made
        [event] = again.get_asset_materialization_events()
        assert event.materialization.metadata["mesh/version"].value == 3 + made
        assert {each.check_name for each in again.get_asset_check_evaluations()} == {
            each.check_name for each in first.get_asset_check_evaluations()
        }
