"""The messages of an incident: its opening, repeats and end, each once."""

from __future__ import annotations

from datetime import timedelta

from operations.alerted import OWNERS, READERS, AlertedMesh

from platform_core.operations.watch.answers import acknowledge, silence

HOUR = timedelta(hours=1)
BAD = "shop/sales was not published: range__amount fails"
GOOD = "shop/sales works again"


def test_owner_and_concerned_reader_hear_of_begin_and_end_once(alerted: AlertedMesh) -> None:
    alerted.round()
    alerted.refuse()
    for _ in range(3):
        alerted.round(HOUR)
    assert alerted.titles("shop") == alerted.titles("other") == [BAD]
    alerted.publish()
    for _ in range(3):
        alerted.round(HOUR)
    assert alerted.titles("shop") == alerted.titles("other") == [BAD, GOOD]
    assert alerted.titles("third") == []  # it does not read the amounts
    assert alerted.waiting() == {}


def test_an_incident_is_repeated_each_day_until_somebody_acknowledges_it(alerted: AlertedMesh) -> None:
    alerted.refuse()
    heard = []
    for _ in range(60):
        alerted.round(HOUR)
        heard.append(len(alerted.titles("shop")))
    assert [heard.index(n) for n in (1, 2, 3)] == [0, 24, 48]
    assert alerted.titles("other") == [BAD]  # the policy of readers repeats nothing
    leads = [each.body["lead"] for each in alerted.receiver.taken if each.path == "/shop"]
    assert leads[1].endswith("It is still so after 25 hours.")

    [incident] = alerted.incidents()
    acknowledge(alerted.mesh.root, incident["id"][:4], "ada", alerted.now)
    for _ in range(3):
        alerted.round(24 * HOUR)
    assert alerted.titles("shop") == [BAD] * 3
    alerted.publish()
    alerted.round()
    assert alerted.titles("shop") == [BAD] * 3 + [GOOD]


def test_the_first_message_after_a_silence_is_that_of_the_opening(alerted: AlertedMesh) -> None:
    until = alerted.now + 30 * HOUR
    silence(alerted.mesh.root, "shop/sales", until, "ada", "a move", alerted.now)
    alerted.refuse()
    for _ in range(29):
        alerted.round(HOUR)
    assert alerted.receiver.taken == []
    [incident] = alerted.incidents()
    assert incident["silenced"]["by"] == "ada"
    for _ in range(3):
        alerted.round(HOUR)
    assert alerted.titles("shop") == alerted.titles("other") == [BAD]
    assert not any("still so" in each.body["lead"] for each in alerted.receiver.taken)
    alerted.round(24 * HOUR)
    assert alerted.titles("shop") == [BAD, BAD]  # a day after the message, not after the opening


def test_an_incident_within_a_silence_is_never_heard_of(alerted: AlertedMesh) -> None:
    silence(alerted.mesh.root, "shop/sales", alerted.now + 30 * HOUR, "ada", "a move", alerted.now)
    alerted.refuse()
    alerted.round(HOUR)
    alerted.publish()
    for _ in range(40):
        alerted.round(HOUR)
    assert alerted.receiver.taken == []
    assert [each["state"] for each in alerted.incidents(unresolved=False)] == ["resolved"]


def test_who_heard_of_the_begin_hears_of_the_end_in_a_silence_too(alerted: AlertedMesh) -> None:
    alerted.refuse()
    alerted.round()
    [incident] = alerted.incidents()
    silence(alerted.mesh.root, incident["id"], alerted.now + 99 * HOUR, "ada", "known", alerted.now)
    for _ in range(30):
        alerted.round(HOUR)
    assert alerted.titles("shop") == [BAD]
    alerted.publish()
    alerted.round(HOUR)
    assert alerted.titles("shop") == [BAD, GOOD]


def test_the_end_is_for_those_alone_who_heard_of_the_begin(alerted: AlertedMesh) -> None:
    ends = "{name: ends, events: [resolved], notify: [third-team]}"
    alerted.policies(OWNERS, ends)
    alerted.refuse()
    alerted.round()
    alerted.policies(OWNERS, READERS, ends)  # a reader hears of an open incident late, and of its end
    alerted.publish()
    alerted.round()
    assert alerted.titles("shop") == [BAD, GOOD]
    assert alerted.titles("other") == alerted.titles("third") == []


def test_another_team_hears_of_an_incident_that_stays_open(alerted: AlertedMesh) -> None:
    higher = "{name: higher, events: [repeated, resolved], notify: [third-team], repeat: 2d}"
    alerted.policies(OWNERS, higher)
    alerted.refuse()
    heard = []
    for _ in range(60):
        alerted.round(HOUR)
        heard.append(len(alerted.titles("third")))
    assert heard == [0] * 47 + [1] * 13
    alerted.publish()
    alerted.round()
    assert alerted.titles("third") == [BAD, GOOD]


def test_an_incident_that_comes_back_is_heard_of_again(alerted: AlertedMesh) -> None:
    for _ in range(3):
        alerted.refuse()
        alerted.round(timedelta(minutes=10))
        alerted.publish()
        alerted.round(timedelta(minutes=10))
    assert alerted.titles("shop") == [BAD, GOOD] * 3
    assert len({*alerted.receiver.keys()}) == len(alerted.receiver.taken)
    [incident] = alerted.incidents(unresolved=False)
    assert incident["reopened"] == 2
