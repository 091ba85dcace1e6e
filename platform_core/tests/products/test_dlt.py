"""Functions that return a dlt resource, over a real server."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest
from small_mesh import SmallMesh

from platform_core.cli.author.dry_run import dry_run
from platform_core.diagnostics import PlatformError

pytestmark = pytest.mark.full

STREAM = """\
    physicalType: stream
    customProperties: [{property: eventTime, value: at, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true, description: "No."}
      - {name: at, logicalType: timestamp, required: true, description: "When."}
"""
FUNCTION = """
import datetime
@data_product
def orders():
    import dlt
    from dlt.sources.helpers.requests import Client

    client = Client(request_max_attempts=2, request_backoff_factor=0)

    @dlt.resource(primary_key="id")
    def items(since=dlt.sources.incremental("at", initial_value=datetime.datetime(2024, 1, 1))):
        page = 0
        while page is not None:
            query = {"page": page, "since": since.start_value.isoformat()}
            answer = client.get("URL", params=query).json()
            for item in answer["items"]:
                yield {**item, "at": datetime.datetime.fromisoformat(item["at"])}
            page = answer["next"]

    return items
"""


@dataclass
class Api:
    """Pages of two orders each; ``faults`` are the status codes of a page's next answers."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[int, list[int]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def add(self, *days: int) -> None:
        self.orders += [{"id": len(self.orders) + n, "at": f"2024-03-{day:02}"} for n, day in enumerate(days)]

    def answer(self, page: int, since: str) -> tuple[int, dict[str, Any]]:
        if self.faults.get(page):
            return self.faults[page].pop(0), {}
        found = [order for order in self.orders if order["at"] >= since[:10]]
        more = page + 1 if len(found) > 2 * page + 2 else None
        return 200, {"items": found[2 * page : 2 * page + 2], "next": more}


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = {name: value[0] for name, value in parse_qs(urlsplit(self.path).query).items()}
            api.asked.append(asked)
            status, body = api.answer(int(asked["page"]), asked["since"])
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}/orders"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield api
        server.shutdown()
        thread.join()


def declare(mesh: SmallMesh, api: Api, contract: str = STREAM) -> None:
    mesh.contract("shop/orders", contract)
    mesh.code("shop", FUNCTION.replace("URL", api.url))


def ids(mesh: SmallMesh) -> list[Any]:
    return [row[0] for row in mesh.read("SELECT id FROM shop.products.orders ORDER BY id")]


def failure(result: dg.ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


def test_a_pull_is_a_batch_and_the_next_one_continues(
    mesh: SmallMesh, instance: dg.DagsterInstance, api: Api
) -> None:
    declare(mesh, api)
    api.add(1, 2, 3, 4, 5)
    assert mesh.run("shop", "shop/orders", instance).success
    api.add(5, 6)
    assert mesh.run("shop", "shop/orders", instance).success
    assert ids(mesh) == list(range(7))
    assert api.asked[-1]["since"].startswith("2024-03-05")
    batches = 'SELECT batch, rows FROM shop.internal."orders__batches" ORDER BY number'
    assert mesh.read(batches) == [("dlt-1", 5), ("dlt-2", 2)]
    # Nothing new is no batch.
    assert mesh.run("shop", "shop/orders", instance).success
    assert len(mesh.read(batches)) == 2


def test_a_failing_page_throws_the_pull_away(mesh: SmallMesh, instance: dg.DagsterInstance, api: Api) -> None:
    declare(mesh, api)
    api.add(1, 2)
    assert mesh.run("shop", "shop/orders", instance).success
    api.add(3, 4, 5)
    api.faults = {1: [500, 500]}
    text = failure(mesh.run("shop", "shop/orders", instance))
    assert "error[D056]" in text
    assert "500 Server Error" in text
    assert "domains/shop/src/shop/products.py:17" in text
    assert ids(mesh) == [0, 1]
    assert mesh.run("shop", "shop/orders", instance).success
    assert ids(mesh) == [0, 1, 2, 3, 4]


def test_a_rate_limit_is_waited_for(mesh: SmallMesh, instance: dg.DagsterInstance, api: Api) -> None:
    declare(mesh, api)
    api.add(1, 2, 3)
    api.faults = {1: [429]}
    assert mesh.run("shop", "shop/orders", instance).success
    assert ids(mesh) == [0, 1, 2]


def test_keys_that_come_and_go_are_refused_and_the_state_stays(
    mesh: SmallMesh, instance: dg.DagsterInstance, api: Api
) -> None:
    declare(mesh, api)
    api.add(1, 2, 3)
    api.orders[2]["note"] = "new"
    assert 'error[D060]: row 3 of shop/orders has other columns than the contract: "note" is new' in failure(
        mesh.run("shop", "shop/orders", instance)
    )
    del api.orders[2]["note"]
    assert mesh.run("shop", "shop/orders", instance).success
    assert ids(mesh) == [0, 1, 2]


def test_a_batch_that_breaks_its_contract_leaves_the_state(
    mesh: SmallMesh, instance: dg.DagsterInstance, api: Api
) -> None:
    declare(mesh, api)
    api.add(1, 2)
    api.orders[1]["id"] = 0
    mesh.code("shop", FUNCTION.replace("URL", api.url).replace('primary_key="id"', ""))
    assert "Q0" in failure(mesh.run("shop", "shop/orders", instance))
    api.orders[1]["id"] = 1
    assert mesh.run("shop", "shop/orders", instance).success
    assert ids(mesh) == [0, 1]


def test_the_resource_of_a_table_has_no_state(
    mesh: SmallMesh, instance: dg.DagsterInstance, api: Api
) -> None:
    table = STREAM.replace("    physicalType: stream\n", "").replace(STREAM.splitlines(True)[1], "")
    declare(mesh, api, table)
    api.add(1, 2, 3)
    for _ in range(2):
        assert mesh.run("shop", "shop/orders", instance).success
        assert ids(mesh) == [0, 1, 2]


def test_a_check_asks_nobody(mesh: SmallMesh, api: Api) -> None:
    declare(mesh, api)
    mesh.definitions("shop")  # imported from this mesh
    mesh.location("shop")
    assert dry_run("shop/orders", mesh.registry, mesh.root)
    assert api.asked == []


def test_without_dlt_the_extra_is_named(
    mesh: SmallMesh, api: Api, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(mesh, api)
    mesh.location("shop")
    monkeypatch.setitem(sys.modules, "dlt", None)
    text = failure(mesh.run("shop", "shop/orders", instance))
    assert "error[S021]: orders needs platform-core[dlt], which is not installed" in text
    assert "products.py:6" in text
    with pytest.raises(PlatformError, match="S021"):
        dry_run("shop/orders", mesh.registry, mesh.root)


def test_dlt_writes_no_files(
    mesh: SmallMesh, api: Api, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    declare(mesh, api)
    api.add(1)
    assert mesh.run("shop", "shop/orders", instance).success
    assert not list(home.iterdir())
    assert not list(tmp_path.rglob("*dlt*"))
