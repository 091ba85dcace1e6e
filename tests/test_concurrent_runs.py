"""Two people run many products of a published mesh at the same time, and a third person reads."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from mesh_command import ROOT, Answer, Mesh, finished

from platform_core.access.query import granted_query
from platform_core.lake.versions import Version
from platform_core.registry.lookup import Registry

pytestmark = pytest.mark.full

# Whoever reads must see one complete version of each of these at any moment.
COMPLETE: dict[str, tuple[Any, ...]] = {
    "SELECT count(*), sum(sales_value)::DOUBLE FROM sales.transactions": (1_469_307, 4_596_039.58),
    "SELECT count(*), sum(basket_count) FROM marketing.household_segments": (2_469, 155_848),
    "SELECT count(*), sum(employee_count) FROM sales.store_performance": (457, 1_233),
    "SELECT count(*), sum(line_count) FROM sales.household_baskets": (155_848, 1_469_307),
    "SELECT count(*), sum(basket_count) FROM sales.stores": (457, 155_848),
}
# What both make: every lake has two writers, and both domains' inputs move under them.
TWICE = (
    "central_data_platform/data_product_catalog",
    "hr/employees",
    "marketing/campaigns",
    "sales/products",
    "sales/stores+",
    "sales/transactions",
)
ONCE = ("marketing/household_segments", "sales/household_baskets")


@dataclass(frozen=True)
class Meanwhile:
    before: dict[str, Version]
    answers: tuple[Answer, Answer]
    seen: list[tuple[str, tuple[Any, ...]]]


@pytest.fixture(scope="module")
def meanwhile(mesh: Mesh) -> Meanwhile:
    before = mesh.published()
    runs = [mesh.start("run", "--json", *TWICE, *ONCE), mesh.start("run", "--json", *TWICE)]
    registry = Registry.open(ROOT)
    seen: list[tuple[str, tuple[Any, ...]]] = []
    try:
        while any(run.poll() is None for run in runs):
            for sql in COMPLETE:
                with granted_query(sql, "analysts", registry, mesh.lakes, ROOT) as answer:
                    seen += [(sql, row) for row in answer.rows(2)]
            time.sleep(1.0)  # the runs need the processors more than the reader does
    finally:
        one, other = (finished(run) for run in runs)
    return Meanwhile(before, (one, other), seen)


def test_both_succeed_over_existing_data(meanwhile: Meanwhile) -> None:
    for answer in meanwhile.answers:
        assert answer.code == 0, answer.out
        assert set(answer.statuses().values()) == {"ok"}


def test_every_version_grew_and_every_row_count_stayed(mesh: Mesh, meanwhile: Meanwhile) -> None:
    after = mesh.published()

    made = meanwhile.answers[0].statuses()
    assert {"hr/store_staffing", "sales/store_performance", *ONCE} < made.keys()
    for product in made:
        old = meanwhile.before[product]
        assert after[product].version > old.version
        assert after[product].rows == old.rows
        assert after[product].run_id != old.run_id


def test_each_run_published_every_product_once(mesh: Mesh, meanwhile: Meanwhile) -> None:
    for product, versions in mesh.versions().items():
        old = meanwhile.before[product].version
        new = [version for version in versions if version.version > old]

        assert len(new) == sum(product in answer.statuses() for answer in meanwhile.answers), product


def test_a_reader_never_saw_a_failure_or_a_partial_version(meanwhile: Meanwhile) -> None:
    assert {sql for sql, _ in meanwhile.seen} == set(COMPLETE)
    assert [(sql, row) for sql, row in meanwhile.seen if row != COMPLETE[sql]] == []
