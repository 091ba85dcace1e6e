"""Incidents and messages in the Postgres of an instance, and the one watch of several hosts that leads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from operations.watched import BAD, WatchedShop, watched_shop
from operations.watching import ENOUGH, Watch
from servers import PASSWORD, Postgres, postgres

from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.database import FORMAT, OperationsError, database_file, leadership
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.answers import acknowledge
from platform_core.operations.watch.process import once

pytestmark = [pytest.mark.full, pytest.mark.scale]

INSTANCE = "instance: {host: 127.0.0.1, port: %d, database: shop, user: owner, password: {file: secret}}\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("pg")) as server:
        yield server


@pytest.fixture
def deployment(tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "secret").write_text(PASSWORD)
    file = tmp_path / "mesh.deployment.yaml"
    file.write_text(INSTANCE % server.port)
    monkeypatch.setenv("DAGSTER_INSTANCE_PASSWORD", PASSWORD)
    yield file
    server.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@pytest.fixture
def shop(tmp_path: Path, deployment: Path) -> Iterator[WatchedShop]:
    with watched_shop(tmp_path / "mesh", MESH_DEPLOYMENT=str(deployment)) as shop:
        yield shop


def test_owner_and_reader_hear_once(shop: WatchedShop, server: Postgres) -> None:
    shop.round()
    shop.make("shop/sales", query=BAD)
    shop.round()
    shop.round()

    (incident,) = shop.incidents()
    assert (incident["cause"], incident["affected"]) == ("shop/sales", ["other/amounts"])
    assert len(shop.messages("shop")) == len(shop.messages("other")) == 1
    assert not database_file(shop.mesh.root).exists()
    assert server.run("SELECT cause FROM mesh_incident") == "shop/sales"
    assert acknowledge(shop.mesh.root, incident["id"], "Ada", shop.now)["state"] == "acknowledged"

    shop.make("shop/sales")
    shop.round()
    assert shop.incidents() == []
    assert shop.messages("shop")[1:] == shop.messages("other")[1:] == ["shop/sales works again"]
    # Each message was sent under a key of its own.
    assert len({*shop.receiver.keys()}) == len(shop.receiver.taken) == 4


def test_one_of_two_watches_leads_until_its_end(shop: WatchedShop, deployment: Path) -> None:
    variables = {"MESH_DEPLOYMENT": str(deployment)}
    watches = [Watch(shop.mesh.root, variables)]
    try:
        watches[0].leads()
        watches.append(Watch(shop.mesh.root, variables))
        watches[1].waits()
        assert once(shop.mesh.root, None) is None
        watches[0].end()
        shop.make("shop/sales", query=BAD)
        watches[1].leads()
        watches[1].says("1 open incident")
        assert len(shop.messages("shop")) == 1
    finally:
        for each in watches:
            each.end()


def test_a_watch_goes_on_when_its_database_is_back(
    shop: WatchedShop, server: Postgres, deployment: Path
) -> None:
    watch = Watch(shop.mesh.root, {"MESH_DEPLOYMENT": str(deployment)})
    try:
        watch.leads()
        server.stop()
        watch.says("E030")
        server.start()
        with Journal.open(shop.mesh.root) as journal:
            last, until = journal.fact("round")["at"], time.monotonic() + ENOUGH
            while journal.fact("round")["at"] == last:
                assert time.monotonic() < until, watch.lines
                assert watch.process.poll() is None, watch.lines
                time.sleep(0.1)
    finally:
        watch.end()


def test_a_transaction_of_two_writers_is_whole(shop: WatchedShop) -> None:
    root, now = shop.mesh.root, datetime.now(UTC)
    with Journal.open(root) as one, Journal.open(root) as two:
        with leadership(root, one.database) as first, leadership(root, two.database) as second:
            assert (first, second) == (True, False)
        with leadership(root, two.database) as second:
            assert second
        with suppress(ZeroDivisionError), one.transaction():
            one.record([Signal.of("refused", "shop/sales", now)])
            raise ZeroDivisionError
        assert [*two.signals(now - timedelta(days=1))] == []
        with one.transaction():
            assert len(one.record([Signal.of("refused", "shop/sales", now)] * 2)) == 1
        assert [each.subject for each in two.signals(now)] == ["shop/sales"]
        one.keep("format", FORMAT + 1)
    with pytest.raises(OperationsError, match="O002"), Journal.open(root):
        pass
