"""One Postgres server for the tests of sources."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from servers import Postgres, postgres
from small_mesh import KEPT, TWO_DAYS, SmallMesh

SHOP = """
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
CREATE TABLE orders (id bigint PRIMARY KEY, day date NOT NULL, amount numeric(12, 2), note text);
INSERT INTO orders SELECT i, date '2024-01-01' + (i % 60), i * 1.25, 'n' || i
  FROM generate_series(1, 600) i;
CREATE INDEX ON orders (day);
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def shop(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """The database ``shop`` with the table ``orders``; the secret SHOP_DB leads to it."""
    server.run(SHOP)
    monkeypatch.setenv("MESH_SECRET_SHOP_DB", server.url)
    return server


ORDERS = """\
    quality: [{metric: rowCount, mustBeGreaterThan: 0}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: public,
         description: The number of the order.}
      - {name: amount, logicalType: number, physicalType: "DECIMAL(12,2)", classification: public,
         description: The amount in euros.}
"""
CODE = """
ORDERS = Source.postgres("till/orders", table="orders", secret="SHOP_DB")

@data_product(inputs={"orders": ORDERS})
def takings(orders: Table):
    return f"SELECT id, amount FROM {orders}"
"""
COLUMNS = {"id": "BIGINT", "day": "DATE", "amount": "DECIMAL(12,2)", "note": "VARCHAR"}


@pytest.fixture
def till(mesh: SmallMesh, shop: Postgres) -> SmallMesh:
    """A mesh with the product ``shop/takings``, made from the table ``orders`` of ``shop``."""
    mesh.contract("shop/takings", ORDERS, promise=TWO_DAYS + KEPT)
    mesh.code("shop", CODE)
    lock = "domains/shop/contracts/sources/till.orders.json"
    mesh.write(lock, json.dumps({"columns": COLUMNS}))
    return mesh
