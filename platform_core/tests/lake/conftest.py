"""A lake in a temporary folder, and products without contract files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from platform_core.contracts.model import DataProduct, Partitions
from platform_core.contracts.partitions import Window
from platform_core.diagnostics import Place
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import LakeLocation
from platform_core.lake.transaction import Stamp

MakeProduct = Callable[..., DataProduct]


@pytest.fixture
def location(tmp_path: Path) -> LakeLocation:
    return LocalLakes(tmp_path / "lakes")


@pytest.fixture
def con(location: LakeLocation) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(location, write=["sales"]) as connection:
        yield connection


@pytest.fixture
def product() -> DataProduct:
    return made_product("baskets")


@pytest.fixture
def monthly() -> DataProduct:
    """A product with monthly partitions on the column ``sold``, cut at midnight of New York."""
    place = Place(Path("baskets.odcs.yaml"))
    return made_product(
        "monthly", Partitions("sold", "month", datetime(2017, 1, 1), "America/New_York", place)
    )


@pytest.fixture
def january() -> Window:
    return Window("2017-01-01", datetime(2017, 1, 1, 5, tzinfo=UTC), datetime(2017, 2, 1, 5, tzinfo=UTC))


@pytest.fixture
def february() -> Window:
    return Window("2017-02-01", datetime(2017, 2, 1, 5, tzinfo=UTC), datetime(2017, 3, 1, 5, tzinfo=UTC))


@pytest.fixture
def stamp() -> Stamp:
    return Stamp(run_id="run-1", asset="sales/baskets")


def made_product(name: str, partitions: Partitions | None = None) -> DataProduct:
    path = Path("baskets.odcs.yaml")
    return DataProduct("sales", name, path, Place(path), "1.0.0", "active", (), (), partitions=partitions)
