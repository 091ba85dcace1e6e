"""Faults of channels, teams and policies: each is named, and no message is lost."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from operations.alerted import OWNERS, READERS, AlertedMesh

from platform_core.operations.store.database import OperationsError
from platform_core.operations.store.journal import Journal
from platform_core.source.federation import read_federation

BAD = "shop/sales was not published: range__amount fails"
GOOD = "shop/sales works again"
HOUR = timedelta(hours=1)
OTHER = "  other-team:\n    domain: other\n    channels: [{channels}]\n"


def other(alerted: AlertedMesh, *channels: str) -> None:
    """Give the team `other` other channels."""
    alerted.teams("shop", "third", "platform", more=OTHER.format(channels=", ".join(channels)))


def channel(name: str, secret: str = "{file: other.txt}") -> str:
    return f'{{channel: "{name}", tool: webhook, webhook: {secret}}}'


def test_a_missing_secret_is_named_and_its_messages_wait(
    alerted: AlertedMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    other(alerted, channel("#other", "{env: OTHER_WEBHOOK}"))
    alerted.refuse()
    [remark] = alerted.round().remarks
    assert remark.startswith("other-team #other waits since ")
    assert remark.endswith("the secret OTHER_WEBHOOK is not set")
    assert alerted.titles("shop") == [BAD]
    monkeypatch.setenv("OTHER_WEBHOOK", alerted.receiver.url("other"))
    assert alerted.round(HOUR).remarks == ()
    assert alerted.titles("other") == [BAD]


@pytest.mark.parametrize("name", ["#other", "#teams/other"])
def test_a_channel_that_is_gone_for_a_day_is_an_incident_elsewhere(alerted: AlertedMesh, name: str) -> None:
    other(alerted, channel(name))
    alerted.mesh.write("governance/other.txt", alerted.receiver.url("closed"))
    alerted.receiver.unwelcome = "/closed"
    alerted.refuse()
    for _ in range(25):
        alerted.round(HOUR)
        assert alerted.titles("platform") == []
    for _ in range(3):
        alerted.round(HOUR)
    [title] = alerted.titles("platform")
    assert title.startswith(f"the channel other-team {name} does not take a message of ")
    assert title.endswith("UTC: status 503")
    assert f"channel:other-team {name}" in [each["cause"] for each in alerted.incidents()]

    with Journal.open(alerted.mesh.root) as journal:
        bodies = journal.database.rows("SELECT body FROM mesh_message WHERE channel = 'ui' ORDER BY n")
    assert [json.loads(body)["assets"] for (body,) in bodies] == [["other/amounts", "shop/sales"], []]

    alerted.mesh.write("governance/other.txt", alerted.receiver.url("other"))
    for _ in range(3):
        alerted.round(HOUR)
    assert alerted.titles("other") == [BAD]
    assert alerted.titles("platform")[1:] == [f"the channel other-team {name} works again"]
    assert [each["cause"] for each in alerted.incidents()] == ["shop/sales"]


def test_the_central_channel_that_is_gone_does_not_hear_of_itself(alerted: AlertedMesh) -> None:
    two = channel("#first"), channel("#second", "{file: platform.txt}")
    alerted.teams("shop", "third", more=OTHER.format(channels=", ".join(two)))
    alerted.mesh.write("governance/mesh.yaml", "central_team: other-team\n")
    alerted.mesh.write("governance/other.txt", alerted.receiver.url("closed"))
    alerted.receiver.unwelcome = "/closed"
    alerted.refuse()
    for _ in range(27):
        alerted.round(HOUR)
    opened, gone = alerted.titles("platform")
    assert opened == BAD
    assert gone.startswith("the channel other-team #first does not take a message of ")
    assert len(alerted.waiting()) == 1


def test_messages_of_a_channel_that_was_removed_wait_and_are_named(alerted: AlertedMesh) -> None:
    alerted.mesh.write("governance/other.txt", alerted.receiver.url("closed"))
    alerted.receiver.unwelcome = "/closed"
    alerted.refuse()
    for _ in range(27):
        alerted.round(HOUR)
    assert len(alerted.incidents()) == 2
    other(alerted, channel("#new", "{file: third.txt}"))
    [remark] = alerted.round(2 * HOUR).remarks
    assert remark.endswith("the channel is not declared any more")
    alerted.round()
    # The incident of the channel has ended, and the new one hears of the open incident.
    assert [each["cause"] for each in alerted.incidents()] == ["shop/sales"]
    assert alerted.titles("third") == [BAD]
    alerted.teams("shop", "other", "third", "platform")
    alerted.round(2 * HOUR)
    assert alerted.titles("other") == [BAD]
    assert alerted.waiting() == {}


def test_the_central_team_hears_for_a_team_without_a_channel(alerted: AlertedMesh) -> None:
    other(alerted)
    alerted.refuse()
    alerted.round()
    assert alerted.titles("platform") == [BAD]
    [why] = [each.body["why"] for each in alerted.receiver.taken if each.path == "/platform"]
    assert why.startswith("The team other-team has no channel; policy readers of governance/alerts.yaml")


@pytest.mark.parametrize(
    "policy",
    [
        "{name: x, events: [opened], notify: [nobody]}",
        "{name: x, events: [opened], notify: [nobody@example.com]}",
        '{name: x, events: [opened], notify: ["domain:nowhere"]}',
        "{name: x, events: [opened], of: {tag: unknown}, notify: [owner]}",
        "{name: x, events: [opened], of: {selection: shop/unknown+}, notify: [owner]}",
        "{name: x, events: [opened], of: {domain: [nowhere]}, notify: [owner]}",
    ],
)
def test_a_policy_of_something_unknown_holds_up_no_other(alerted: AlertedMesh, policy: str) -> None:
    alerted.policies(policy, OWNERS, READERS)
    alerted.refuse()
    assert alerted.round().remarks == ()
    assert (alerted.titles("shop"), alerted.titles("other")) == ([BAD], [BAD])


FAULTS = [
    ("{name: x, events: [opend], notify: [owner]}", 'unknown word "opend" in events', "did you mean"),
    ("{name: x, events: [], notify: [owner]}", "a policy without events", "name, events and notify"),
    ("{name: x, events: [opened]}", "a policy without notify", "name, events and notify"),
    ("{events: [opened], notify: [owner]}", "a policy without name", "name, events and notify"),
    ("{name: owners, events: [opened], notify: [owner]}", 'a second policy "owners"', "every name once"),
    ("{name: x, events: [opened], notify: [owner], by: [fax]}", 'unknown word "fax" in by', "email, slack"),
    ("{name: x, events: [opened], notify: [owner], repeat: daily}", '"daily"', "such as 30 min, 4 h or 7 d"),
    ("{name: x, events: [opened], notify: [owner], repeat: 0h}", '"0h"', "such as 30 min, 4 h or 7 d"),
    ("{name: x, events: [opened], notify: [owner], off: {}}", 'unknown key "off"', "did you mean"),
    ("{name: x, events: [opened], notify: [owner], of: {tags: x}}", 'unknown key "tags"', "did you mean"),
]
EMAILS = [
    ("{host: mail.example.com}", "email without host or from"),
    ("{host: m, from: a@b.c, encryption: ssl}", 'unknown encryption "ssl"'),
    ("{host: m, from: a@b.c, port: 70000}", '"70000" is not a port'),
    ("{host: m, from: a@b.c, port: true}", '"True" is not a port'),
    ("{host: m, from: mesh}", '"mesh" is not an address'),
    ("{host: m, from: a@b.c, user: u, password: hunter22}", "password is written in the file"),
    ("{host: m, from: a@b.c, user: u}", "a user without a password"),
    ("{host: m, from: a@b.c, password: {env: P}}", "a password without a user"),
]


@pytest.mark.parametrize(("policy", "message", "expected"), FAULTS)
def test_a_wrong_policy_is_a_fault_at_its_line(
    alerted: AlertedMesh, policy: str, message: str, expected: str
) -> None:
    alerted.policies(OWNERS, policy)
    [fault] = read_federation(alerted.mesh.root).faults
    assert fault.code == "G406"
    assert message in fault.message
    assert expected in f"{fault.expected} {fault.fix}"
    assert fault.place is not None
    assert (fault.place.path.name, fault.place.line) == ("alerts.yaml", 3)


@pytest.mark.parametrize(("email", "message"), EMAILS)
def test_a_wrong_mail_server_is_a_fault(alerted: AlertedMesh, email: str, message: str) -> None:
    alerted.policies(OWNERS, more=f"email: {email}\n")
    [fault] = read_federation(alerted.mesh.root).faults
    assert fault.code == "G406"
    assert message in fault.message
    assert "hunter22" not in fault.render()
    if "hunter22" not in email:
        assert fault.place is not None
        assert (fault.place.path.name, fault.place.line) == ("alerts.yaml", 3)


def test_a_watch_goes_on_with_the_last_policies_that_it_could_read(alerted: AlertedMesh) -> None:
    alerted.round()
    alerted.policies(*(policy for policy, _, _ in FAULTS[:1]))
    alerted.refuse()
    [remark] = alerted.round().remarks
    assert "error[G406]" in remark
    assert "alerts.yaml:2:" in remark
    assert (alerted.titles("shop"), alerted.titles("other")) == ([BAD], [BAD])
    alerted.policies("{name: owners, events: [resolved], notify: [owner]}")
    alerted.publish()
    assert alerted.round().remarks == ()
    assert (alerted.titles("shop"), alerted.titles("other")) == ([BAD, GOOD], [BAD])


def test_a_watch_does_not_begin_with_policies_that_it_cannot_read(alerted: AlertedMesh) -> None:
    alerted.watched = None
    alerted.policies(FAULTS[0][0])
    alerted.refuse()
    with pytest.raises(OperationsError, match="G406"):
        alerted.round()
    alerted.policies(OWNERS)
    alerted.round()
    assert alerted.titles("shop") == [BAD]


def test_a_mesh_without_policies_keeps_incidents_and_sends_nothing(alerted: AlertedMesh) -> None:
    Path(alerted.mesh.root / "governance/alerts.yaml").unlink()
    alerted.refuse()
    alerted.round()
    assert [each["cause"] for each in alerted.incidents()] == ["shop/sales"]
    assert alerted.receiver.taken == []
