"""The event log of Dagster, read by numbers that are given again, vanish, or have a clock that went back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from small_mesh import TWO_DAYS, SmallMesh, here

from platform_core.contracts.model import DataProduct
from platform_core.operations.watch.event_log import EventLog, Position
from platform_core.workspace.records.events import event_at, events

KINDS = (dg.DagsterEventType.ASSET_MATERIALIZATION,)


@dataclass
class Reader:
    """Reads a log again and again, as a watch does; ``seen`` are the versions that it found."""

    instance: dg.DagsterInstance
    products: dict[str, DataProduct]
    position: Position | None = None
    seen: dict[str, datetime] = field(default_factory=dict)

    def publish(self, version: int, product: str = "shop/sales") -> None:
        key = dg.AssetKey(product.split("/"))
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(key, metadata={"mesh/version": version})
        )

    def read(self) -> list[int]:
        """The versions that were not known before."""
        log = EventLog(self.instance, self.products, {})
        found, self.position = log.read(self.position, datetime(2020, 1, 1, tzinfo=UTC))
        new = {each.key: each for each in found if each.key not in self.seen}
        self.seen |= {key: each.at for key, each in new.items()}
        return [each.facts["version"] for each in new.values()]

    def top(self) -> int:
        return max((number for number, _ in events(self.instance, KINDS, above=0)), default=0)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with here(tmp_path / "mesh", "shop") as mesh, dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Reader(instance, contracts(mesh))


def contracts(mesh: SmallMesh) -> dict[str, DataProduct]:
    for name in ("sales", "stores"):
        mesh.contract(f"shop/{name}", promise=TWO_DAYS)
    return {product.id: product for product in mesh.registry.scan()[0]}


def test_each_event_is_found_once(reader: Reader) -> None:
    reader.publish(1)
    assert (reader.read(), reader.read()) == ([1], [])
    reader.publish(2)
    reader.publish(3, "shop/stores")
    assert (reader.read(), reader.read()) == ([2, 3], [])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_events_with_the_numbers_of_wiped_ones_are_found(reader: Reader, count: int) -> None:
    reader.publish(1, "shop/stores")
    for version in (2, 3, 4):
        reader.publish(version)
    reader.read()
    assert reader.position is not None
    last = reader.position.number

    reader.instance.wipe_assets([dg.AssetKey(["shop", "sales"])])
    for version in range(count):
        reader.publish(10 + version)

    # SQLite gives the numbers again: with three events the last one has the number of the position.
    assert reader.top() == last - 3 + count
    assert reader.read() == [10 + version for version in range(count)]
    assert reader.read() == []


def test_events_after_a_purge_are_found(reader: Reader) -> None:
    for version in range(5):
        reader.publish(version)
    reader.read()
    reader.instance.wipe_assets([dg.AssetKey(["shop", "sales"])])
    assert (reader.top(), reader.read(), reader.read()) == (0, [], [])
    reader.publish(9)
    assert (reader.read(), reader.read()) == ([9], [])


def test_an_event_that_becomes_visible_late_is_found(reader: Reader) -> None:
    """In Postgres a smaller number may become visible after a larger one."""
    for version in (1, 2):
        reader.publish(version)
    reader.read()
    reader.seen = {key: at for key, at in reader.seen.items() if at == max(reader.seen.values())}
    assert len(reader.seen) == 1
    assert reader.read() == [1]


def test_an_event_after_a_step_back_of_the_clock_comes_after_the_others(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.publish(1)
    reader.read()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 10_000)
    reader.publish(2)
    monkeypatch.undo()
    entry = event_at(reader.instance, reader.top())
    assert entry is not None
    assert entry.timestamp == now - 10_000

    assert (reader.read(), reader.read()) == ([2], [])

    first, second = reader.seen.values()
    assert first <= second
