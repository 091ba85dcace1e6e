"""A corrected partition reaches its consumers in another domain, and no other product."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg
import pytest
from small_mesh import DAYS, SmallMesh, here

from platform_core.registry.lookup import Registry
from platform_core.workspace.dagster_internals import described
from platform_core.workspace.protocol import Asset
from platform_core.workspace.run.affected_partitions import resolve_selection
from platform_core.workspace.run.selection import parse_selection

FIRST, SECOND, LAST = GRID = ("2024-03-30", "2024-03-31", "2024-04-01")
TOTAL = """\
    properties:
      - {name: amount, logicalType: integer, primaryKey: true}
"""
# Its days are also checked against the totals, which change with every correction.
CHECKED = DAYS.replace(
    "{maximum: 100}}",
    "{maximum: 100}, relationships: [{to: other/total.odcs.yaml#/schema/total/properties/amount, "
    "customProperties: [{property: severity, value: warning, vendor: platform-core}]}]}",
)
READERS = """
@data_product(inputs={"lines": "shop/ledger"})
def daily(lines: Table) -> str:
    return f"SELECT sold, amount + 1 AS amount FROM {lines}"

@data_product(inputs={"lines": "shop/ledger"})
def total(lines: Table) -> str:
    return f"SELECT sum(amount)::BIGINT AS amount FROM {lines}"

@data_product(inputs={"lines": Input("shop/ledger", partitions="last")})
def latest(lines: Table) -> str:
    return f"SELECT sum(amount)::BIGINT AS amount FROM {lines}"
"""
KEYS = {name: dg.AssetKey(["other", name]) for name in ("daily", "total", "latest")}


class Mesh:
    """A ledger of three days in one domain, and its consumers in another."""

    def __init__(self, mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
        self.code, self.instance = mesh, instance
        mesh.contract("shop/ledger", DAYS)
        mesh.contract("other/daily", CHECKED)
        for name in ("total", "latest"):
            mesh.contract(f"other/{name}", TOTAL)
        mesh.code("other", READERS)
        self.book({FIRST: 1, SECOND: 2, LAST: 4})

    def book(self, amounts: dict[str, int]) -> None:
        """Set the rows of the ledger's source."""
        rows = ", ".join(f"(TIMESTAMP '{day} 12:00', {amount})" for day, amount in amounts.items())
        path = str(self.code.root / "lines.parquet")
        self.code.read(f"COPY (FROM (VALUES {rows}) AS t(sold, amount)) TO '{path}' (FORMAT parquet)")
        self.code.code(
            "shop",
            f"""
            @data_product(inputs={{"raw": Source("till/lines", path={path!r}, time_column="sold")}})
            def ledger(raw: Table) -> str:
                return f"FROM {{raw}}"
            """,
        )

    def run(self, product: str, keys: tuple[str, ...] | None) -> None:
        partition = None if keys is None else keys[0] if len(keys) == 1 else (keys[0], keys[-1])
        assert self.code.run(product.split("/")[0], product, self.instance, partition).success

    def refresh(
        self, words: str, asked: str | None, after_ledger: Callable[[], None] = lambda: None
    ) -> dict[str, tuple[str, ...] | None]:
        """Make what a `mesh run` of these words would make; returns it."""
        assets: dict[str, Asset] = {}
        for domain in ("shop", "other"):
            made = described(self.code.definitions(domain).get_repository_def())
            assets |= {asset.key: asset for asset in made}
        selection = parse_selection([words], Registry.open(self.code.root).names())
        products, settled = resolve_selection(selection, asked, assets.values(), self.code.root)
        keys = {key: settled.get(key, assets[key].partitions) for key in products}
        for key in sorted(keys, key=["shop/ledger", "other/total", "other/latest", "other/daily"].index):
            self.run(key, keys[key])
            if key == "shop/ledger":
                after_ledger()
        return keys

    def days(self) -> list[tuple[object, ...]]:
        return self.code.read(
            "SELECT sold::DATE::VARCHAR, amount FROM other.products.daily ORDER BY 1", "other"
        )

    def amount(self, name: str) -> int:
        [(amount,)] = self.code.read(f"FROM other.products.{name}", "other")
        assert isinstance(amount, int)
        return amount

    def told(self) -> tuple[list[tuple[object, ...]], int, int]:
        return self.days(), self.amount("total"), self.amount("latest")


class Automation:
    """The runs that Dagster would start in the readers' location."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh, self.cursor = mesh, None
        self.definitions = mesh.code.definitions("other")
        self.look()

    def look(self) -> dict[str, set[str | None]]:
        found = dg.evaluate_automation_conditions(self.definitions, self.mesh.instance, cursor=self.cursor)
        self.cursor = found.cursor
        asked = {name: found.get_requested_partitions(key) for name, key in KEYS.items()}
        return {name: set(keys) for name, keys in asked.items() if keys}


@dataclass
class Chapter:
    """The events after a part of the ledger was published again."""

    made: dict[str, tuple[str, ...] | None]
    by_itself: dict[str, set[str | None]]
    days: list[tuple[object, ...]]
    total: int
    latest: int


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Chapter]]:
    """One after the other: the ledger as it was, its first day corrected, then its last one."""
    folder = tmp_path_factory.mktemp("mesh")
    with here(folder, "shop", "other") as code, dg.DagsterInstance.ephemeral() as instance:
        mesh = Mesh(code, instance)
        chapters = {"begin": Chapter(mesh.refresh("shop/ledger+", None), {}, *mesh.told())}
        automation = Automation(mesh)
        # All days of the source have changed since, and only one is published again.
        for day, amounts in {FIRST: (50, 60, 70), LAST: (80, 80, 80)}.items():
            mesh.book(dict(zip(GRID, amounts, strict=True)))
            by_itself: dict[str, set[str | None]] = {}
            made = mesh.refresh("shop/ledger+", day, lambda found=by_itself: found.update(automation.look()))
            automation.look()
            chapters[day] = Chapter(made, by_itself, *mesh.told())
        made = mesh.refresh("other/total+", None)
        chapters["checked"] = Chapter(made, automation.look(), *mesh.told())
        yield chapters


def test_at_first_everything_is_made(story: dict[str, Chapter]) -> None:
    begin = story["begin"]
    assert set(begin.made) == {"shop/ledger", *(f"other/{name}" for name in KEYS)}
    assert begin.days == [(FIRST, 2), (SECOND, 3), (LAST, 5)]
    assert (begin.total, begin.latest) == (7, 4)


def test_a_corrected_day_reaches_its_readers_in_another_domain_and_no_other_day_moves(
    story: dict[str, Chapter],
) -> None:
    chapter = story[FIRST]
    assert chapter.made == {"shop/ledger": (FIRST,), "other/daily": (FIRST,), "other/total": None}
    assert chapter.days == [(FIRST, 51), (SECOND, 3), (LAST, 5)]
    assert (chapter.total, chapter.latest) == (56, 4)


def test_a_corrected_last_day_reaches_consumers_of_the_last_day(story: dict[str, Chapter]) -> None:
    chapter = story[LAST]
    assert chapter.made == {
        "shop/ledger": (LAST,),
        "other/daily": (LAST,),
        "other/total": None,
        "other/latest": None,
    }
    assert chapter.days == [(FIRST, 51), (SECOND, 3), (LAST, 81)]
    assert (chapter.total, chapter.latest) == (132, 80)


def test_dagster_would_refresh_the_same_by_itself(story: dict[str, Chapter]) -> None:
    assert story[FIRST].by_itself == {"daily": {FIRST}, "total": {None}}
    assert story[LAST].by_itself == {"daily": {LAST}, "total": {None}, "latest": {None}}


def test_an_update_of_a_referenced_product_refreshes_nothing(story: dict[str, Chapter]) -> None:
    assert set(story["checked"].made) == {"other/total"}
    assert story["checked"].by_itself == {}
