"""No message, page, remark or file of the watch has a value of a product or a secret in it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import dagster as dg
import pytest
from operations.alerted import AlertedMesh
from operations.watched import WatchedShop, watched_shop
from small_mesh import SALES, TWO_DAYS, SmallMesh

from platform_core.operations.alerts import delivery
from platform_core.operations.store.database import database_file
from platform_core.workspace.home import Home

VALUE = "Lovelace-4711"
SECRET = "T0KEN-of-the-channel"
EVENTS = "published, warned, contract_changed, opened, resolved"
ALL = f"{{name: all, events: [{EVENTS}], notify: [owner, readers, platform-team]}}"


def kept(mesh: SmallMesh) -> str:
    """Everything in the database of the watch."""
    file = database_file(mesh.root)
    files = [*file.parent.glob("operate.sqlite*")]
    assert file in files
    return "".join(each.read_bytes().decode("utf-8", "replace") for each in files)


def shown(mesh: SmallMesh) -> str:
    """All observations on the pages of assets."""
    with dg.DagsterInstance.from_config(str(Home.of(mesh.root).dagster)) as instance:
        keys = [dg.AssetKey(["shop", "sales"]), dg.AssetKey(["other", "amounts"])]
        found = [each for key in keys for each in instance.fetch_observations(key, limit=50).records]
        assert found
        return "".join(repr(each.event_log_entry) for each in found)


@pytest.mark.full
def test_no_sample_of_a_check_is_in_a_message(alerted: AlertedMesh) -> None:
    alerted.policies(ALL)
    sample = f"3 of 9 rows break it, for example (id=1, who='{VALUE}')"
    with alerted.events() as events:
        alerted.round()
        for rule, warning in (("range__amount", False), ("not_null__amount", True)):
            events.checked("shop/sales", rule, False, warning=warning, text=sample, violations=3, rows=9)
        alerted.round()
    assert len(alerted.titles("shop")) == 2
    told = json.dumps([each.body for each in alerted.receiver.taken])
    assert "3 of 9 rows" in told
    assert VALUE not in told + kept(alerted.mesh) + shown(alerted.mesh)


@pytest.mark.full
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (f"raise ValueError('{VALUE} is not a name')", "its code fails with ValueError"),
        (f"raise KeyError('S020 G101 {VALUE}')", "shop/sales could not be made"),
        (f"return \"SELECT CAST('{VALUE}' AS BIGINT) AS id\"", "shop/sales could not be made"),
        (
            f"return \"SELECT 1::BIGINT AS id, -1::DOUBLE AS amount, '{VALUE}' AS who\"",
            "shop/sales was not published: range__amount fails",
        ),
    ],
)
def test_no_text_of_an_exception_is_in_a_message(tmp_path: Path, code: str, expected: str) -> None:
    with watched_shop(tmp_path) as shop:
        shop.mesh.write("governance/alerts.yaml", f"policies:\n  - {ALL}\n")
        shop.round()
        fail(shop, code)
        shop.round()
        told = json.dumps([each.body for each in shop.receiver.taken])
        assert expected in told
        assert VALUE not in told + kept(shop.mesh) + shown(shop.mesh)


def fail(shop: WatchedShop, code: str) -> None:
    """Run code whose texts Dagster may show, since nothing in the product is confidential."""
    table = SALES.replace("tags: [personal], classification: confidential", "classification: internal")
    shop.mesh.contract("shop/sales", table, promise=TWO_DAYS)
    shop.mesh.code("shop", f"@data_product\ndef sales():\n    {code}\n")
    assert not shop.mesh.run("shop", "shop/sales", shop.instance).success


def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (f"http://127.0.0.1:{{closed}}/services/{SECRET}", "ConnectionError: Connection refused"),
        (f"http://127.0.0.1:{{closed}}/%7E{SECRET}?sig=%2f{SECRET}", "ConnectionError: Connection refused"),
        (f"https://127.0.0.1:{{port}}/{SECRET}", "SSLError"),
        (f"http://nowhere.invalid/{SECRET}", "ConnectionError"),
        (f"http://mesh:{SECRET}@127.0.0.1:{{closed}}/x", "ConnectionError: Connection refused"),
        (f"services/{SECRET}", "MissingSchema"),
        (f"services/{SECRET}\\n", "MissingSchema"),
        (f"{SECRET}://example.com/{SECRET}", "InvalidSchema"),
        (f"http://[{SECRET}/", "InvalidURL"),
        (f"http://m€sh:{SECRET}€@127.0.0.1:{{port}}/x", ""),
        (f"http://127.0.0.1:{{port}}/stall/{SECRET}", "ReadTimeout"),
        (f"http://127.0.0.1:{{port}}/refuse/{SECRET}", "status 503"),
    ],
)
def test_no_address_of_a_channel_or_heartbeat_is_shown(
    alerted: AlertedMesh, monkeypatch: pytest.MonkeyPatch, address: str, reason: str
) -> None:
    monkeypatch.setattr(delivery, "PATIENCE", 0.3)
    address = address.format(closed=closed(), port=alerted.receiver.port).replace("\\n", "\n")
    alerted.receiver.unwelcome = f"/refuse/{SECRET}"
    if "/stall/" in address:
        alerted.receiver.stalls.set()
    policy = "{name: x, events: [opened], notify: [readers]}"
    alerted.policies(policy, more="heartbeat: {env: ADDRESS}\n")
    monkeypatch.setenv("ADDRESS", address)
    webhook = '{channel: "#other", tool: slack, webhook: {env: ADDRESS}}'
    team = f"  other-team: {{domain: other, channels: [{webhook}]}}\n"
    alerted.teams("shop", "third", "platform", more=team)
    alerted.refuse()
    remarks = " ".join(alerted.round().remarks)
    if reason:
        assert f"other-team #other waits since {alerted.now:%Y-%m-%d %H:%M} UTC: {reason}" in remarks
        assert f"the heartbeat was not taken: {reason}" in remarks
    assert SECRET not in remarks + kept(alerted.mesh)
