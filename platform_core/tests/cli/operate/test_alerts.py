"""``mesh incident``, ``mesh alert`` and ``mesh watch --once`` in a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from operations.alerted import AlertedMesh, alerted_mesh

from platform_core.cli import main

Captured = pytest.CaptureFixture[str]
SECRET = "T0KEN-of-the-channel"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertedMesh]:
    with alerted_mesh(tmp_path_factory.mktemp("mesh")) as found:
        yield found


@pytest.fixture
def alerted(shared: AlertedMesh, monkeypatch: pytest.MonkeyPatch) -> AlertedMesh:
    shared.clean()
    monkeypatch.chdir(shared.mesh.root)
    return shared


def call(capsys: Captured, *words: str, status: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    found = main(words)
    said = capsys.readouterr()
    assert found == status, said
    return said.out, said.err


def answer(capsys: Captured, *words: str, status: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(capsys, *words, "--json", status=status)[0])
    return found


class TestIncident:
    def test_the_document_of_open_incidents(self, alerted: AlertedMesh, capsys: Captured) -> None:
        assert answer(capsys, "incident")["incidents"] == []
        assert call(capsys, "incident")[0] == "the watch has never run: no incident is known\n"
        alerted.round()
        assert call(capsys, "incident")[0] == "no incident is open\n"
        alerted.refuse()
        [found] = answer(capsys, "incident", "list", status=1)["incidents"]
        assert re.fullmatch("[0-9a-f]{8}", found["id"])
        shown = {name: found[name] for name in ("cause", "state", "affected", "columns", "what")}
        assert shown == {
            "cause": "shop/sales",
            "state": "open",
            "affected": ["other/amounts"],
            "columns": ["amount"],
            "what": "was not published: range__amount fails",
        }
        line = call(capsys, "incident", status=1)[0].splitlines()[-1]
        for words in (found["id"], "open", "shop/sales", "range__amount fails", "1 product"):
            assert words in line

    def test_resolved_ones_are_listed_on_demand(self, alerted: AlertedMesh, capsys: Captured) -> None:
        alerted.refuse()
        alerted.now += timedelta(hours=2)
        alerted.publish()
        assert answer(capsys, "incident")["incidents"] == []
        [found] = answer(capsys, "incident", "--all")["incidents"]
        assert found["state"] == "resolved"
        shown = call(capsys, "incident", "show", found["id"])[0]
        assert "after 2 hours" in shown
        errors = call(capsys, "incident", "ack", found["id"], status=2)[1]
        assert f"error[O004]: incident {found['id']} is resolved since " in errors

    def test_an_acknowledgement_by_the_beginning_of_an_id(
        self, alerted: AlertedMesh, capsys: Captured
    ) -> None:
        alerted.refuse()
        [found] = answer(capsys, "incident", status=1)["incidents"]
        shown = call(capsys, "incident", "ack", found["id"][:3], "--by", "ada")[0]
        assert "ada since " in shown
        [acknowledged] = answer(capsys, "incident", "show", found["id"])["incidents"]
        assert acknowledged["state"] == "acknowledged"
        assert acknowledged["acknowledged"]["by"] == "ada"
        assert "acknowledged" in call(capsys, "incident", status=1)[0]

    @pytest.mark.parametrize("name", ["shop/sales", "id", "beginning"])
    def test_a_silence_of_a_cause_or_an_incident(
        self, alerted: AlertedMesh, capsys: Captured, name: str
    ) -> None:
        alerted.refuse()
        [found] = answer(capsys, "incident", status=1)["incidents"]
        name = {"id": found["id"], "beginning": found["id"][:4]}.get(name, name)
        said = call(capsys, "incident", "silence", name, "--until", "4h", "--why", "a move", "--by", "ada")[0]
        what = name if "/" in name else f"incident {found['id']}"
        assert said.startswith(f"no message about {what} until ")
        [silenced] = answer(capsys, "incident", status=1)["incidents"]
        assert (silenced["silenced"]["by"], silenced["silenced"]["why"]) == ("ada", "a move")
        assert "ada: a move" in call(capsys, "incident", "show", found["id"])[0]
        alerted.round()
        assert alerted.receiver.taken == []

    @pytest.mark.parametrize("name", ["location:shop", "source:tills", "daemon", "other/amounts"])
    def test_a_silence_before_anything_happens(
        self, alerted: AlertedMesh, capsys: Captured, name: str
    ) -> None:
        found = answer(capsys, "incident", "silence", name, "--until", "2099-01-01", "--why", "x")
        assert found["silence"]["cause"] == name

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (["show"], "U093", "ID is missing"),
            (["ack"], "U093", "ID is missing"),
            (["list", "1234"], "U091", 'unexpected argument "1234"'),
            (["show", "00000000"], "O003", 'no incident has the id "00000000"'),
            (["ack", "00000000"], "O003", 'no incident has the id "00000000"'),
            (["silence", "shop/sales", "--why", "x"], "U093", "--until is missing"),
            (["silence", "shop/sales", "--until", "4h"], "U093", "--why is missing"),
            (["silence", "shop/sales", "--until", "soon", "--why", "x"], "O005", '"soon" is not a time'),
            (["silence", "shop/sales", "--until", "2020-01-01", "--why", "x"], "O005", "has passed"),
            (["silence", "shop/sale", "--until", "4h", "--why", "x"], "U043", "shop/sale"),
            (["silence", "hr", "--until", "4h", "--why", "x"], "O003", 'no incident has the id "hr"'),
        ],
    )
    def test_faults(
        self, alerted: AlertedMesh, capsys: Captured, words: list[str], code: str, message: str
    ) -> None:
        out, errors = call(capsys, "incident", *words, status=2)
        assert out == ""
        assert errors.startswith(f"error[{code}]: ")
        assert message in errors

    def test_a_beginning_of_several_ids(self, alerted: AlertedMesh, capsys: Captured) -> None:
        for product in ("shop/sales", "other/amounts", "third/names"):
            alerted.refuse(product)
        assert "error[O003]" in call(capsys, "incident", "show", "", status=2)[1]


class TestAlert:
    def test_a_trial_message(self, alerted: AlertedMesh, capsys: Captured) -> None:
        found = answer(capsys, "alert", "test", "shop-team #shop")
        [taken] = alerted.receiver.taken
        assert found["channel"] == "shop-team #shop"
        assert found["key"] == taken.key == taken.body["key"]
        assert taken.body["title"] == "A trial message of the mesh"
        assert call(capsys, "alert", "test", "shop-team #shop")[0] == "shop-team #shop took the message\n"

    def test_an_unknown_channel(self, alerted: AlertedMesh, capsys: Captured) -> None:
        errors = call(capsys, "alert", "test", "shop-team #shopp", status=2)[1]
        assert 'error[O006]: no channel is named "shop-team #shopp"' in errors
        assert 'did you mean "shop-team #shop"?' in errors

    @pytest.mark.parametrize(
        ("address", "reason"),
        [
            (None, "the secret ADDRESS is not set"),
            (f"http://127.0.0.1:{{port}}/{SECRET}", "status 503"),
            (f"http://127.0.0.1:1/{SECRET}", "ConnectionError: Connection refused"),
            (f"no address {SECRET}", "InvalidURL"),
        ],
    )
    def test_a_channel_that_takes_nothing(
        self,
        alerted: AlertedMesh,
        capsys: Captured,
        monkeypatch: pytest.MonkeyPatch,
        address: str | None,
        reason: str,
    ) -> None:
        if address is not None:
            monkeypatch.setenv("ADDRESS", address.format(port=alerted.receiver.port))
        alerted.receiver.unwelcome = f"/{SECRET}"
        webhook = '{channel: "#other", tool: slack, webhook: {env: ADDRESS}}'
        team = f"  other-team: {{domain: other, channels: [{webhook}]}}\n"
        alerted.teams("shop", "platform", more=team)
        out, errors = call(capsys, "alert", "test", "other-team #other", status=1)
        assert f"error[O007]: other-team #other did not take the message: {reason}\n" in errors
        assert SECRET not in out + errors

    def test_everybody_who_would_hear_with_the_reason(self, alerted: AlertedMesh, capsys: Captured) -> None:
        found = answer(capsys, "alert", "explain", "shop/sales")
        assert found["product"] == "shop/sales"
        owner, *readers = found["recipients"]
        assert owner == {
            "team": "shop-team",
            "as": "owner",
            "channel": "shop-team #shop",
            "events": ["opened", "resolved", "repeated"],
            "products": ["shop/sales"],
            "policy": "owners",
            "line": 2,
            "instead_of": None,
        }
        assert [(each["team"], each["as"], each["products"]) for each in readers] == [
            ("other-team", "reader", ["other/amounts"]),
            ("third-team", "reader", ["third/names"]),
        ]

    def test_readers_of_other_columns_would_hear_nothing(
        self, alerted: AlertedMesh, capsys: Captured
    ) -> None:
        found = answer(capsys, "alert", "explain", "shop/sales", "--columns", "who")["recipients"]
        assert {each["team"] for each in found if "opened" in each["events"]} == {"shop-team", "third-team"}

    def test_the_explanation_is_what_happens(self, alerted: AlertedMesh, capsys: Captured) -> None:
        found = answer(capsys, "alert", "explain", "shop/sales", "--columns", "amount")["recipients"]
        alerted.refuse()
        alerted.round()
        heard = {f"{each.path[1:]}-team #{each.path[1:]}" for each in alerted.receiver.taken}
        assert {each["channel"] for each in found if "opened" in each["events"]} == heard

    def test_a_product_of_which_nobody_hears(self, alerted: AlertedMesh, capsys: Captured) -> None:
        alerted.policies("{name: x, events: [opened], of: {domain: other}, notify: [owner]}")
        said = call(capsys, "alert", "explain", "third/names")[0]
        assert said.startswith("nobody hears of third/names")
        assert answer(capsys, "alert", "explain", "third/names")["recipients"] == []

    def test_faults(self, alerted: AlertedMesh, capsys: Captured) -> None:
        assert "error[U043]" in call(capsys, "alert", "explain", "shop/sale", status=2)[1]
        said = call(capsys, "alert", "explain", "shop/sales", "--columns", "whom", status=2)[1]
        assert "error[U099]" in said
        assert "who" in said
        alerted.policies("{name: x, events: [opend], notify: [owner]}")
        errors = call(capsys, "alert", "explain", "shop/sales", status=1)[1]
        assert 'error[G406]: unknown word "opend" in events' in errors
        assert "governance/alerts.yaml:2:" in errors


class TestWatch:
    def test_one_round(self, alerted: AlertedMesh, capsys: Captured) -> None:
        alerted.refuse()
        found = answer(capsys, "watch", "--once")
        assert (found["open"], found["accepted"], found["remarks"]) == (1, 2, [])
        said, errors = call(capsys, "watch", "--once")
        assert said == "0 new signals, 1 open incident, 0 new messages, 0 accepted\n"
        assert errors == ""
        assert len(alerted.receiver.taken) == 2

    def test_remarks_are_for_the_person_who_looks(self, alerted: AlertedMesh, capsys: Captured) -> None:
        (alerted.mesh.root / "governance/other.txt").unlink()
        alerted.refuse()
        said, errors = call(capsys, "watch", "--once")
        assert "1 accepted" in said
        assert re.search(
            r"^other-team #other waits since .* UTC: the secret .*other.txt cannot be read", errors
        )

    def test_faults_of_policies(self, alerted: AlertedMesh, capsys: Captured) -> None:
        alerted.policies("{name: x, events: [opened], notify: [owner], by: [fax]}")
        out, errors = call(capsys, "watch", "--once", status=1)
        assert out == ""
        assert 'error[G406]: unknown word "fax" in by' in errors
