"""One Postgres server for the tests of sources."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import Postgres, postgres

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
