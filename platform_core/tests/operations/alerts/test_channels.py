"""Channels that are down, refuse, keep silent or ask to wait: all is delivered afterwards, once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from operations.alerted import AlertedMesh
from operations.receivers import Receiver, receiving

from platform_core.operations.alerts import delivery

BAD = "shop/sales was not published: range__amount fails"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def own(alerted: AlertedMesh) -> Iterator[Receiver]:
    """The server of the channel of the team `other`; all other channels have another one."""
    with receiving() as found:
        alerted.mesh.write("governance/other.txt", found.url("other"))
        yield found


def told(receiver: Receiver) -> list[str]:
    return receiver.titles("other")


def test_a_closed_port_for_minutes(alerted: AlertedMesh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    alerted.mesh.write("governance/other.txt", f"http://127.0.0.1:{port}/other")
    alerted.refuse()
    result = alerted.round()
    assert alerted.titles("shop") == [BAD]  # not held up
    [remark] = result.remarks
    assert remark.startswith("other-team #other waits since ")
    assert remark.endswith("Connection refused")
    for _ in range(20):
        alerted.round(timedelta(seconds=30))
    alerted.publish()
    alerted.round()
    with receiving(port) as back:
        for _ in range(16):
            alerted.round(MINUTE)
        assert told(back) == [BAD, "shop/sales works again"]
        assert len({*back.keys()}) == 2
    assert alerted.waiting() == {}
    assert alerted.round().remarks == ()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302, 500, 502, 503])
def test_a_refusal_waits_longer_each_time(alerted: AlertedMesh, own: Receiver, status: int) -> None:
    own.answers += [(status, None)] * 3
    alerted.refuse()
    seen = []
    for _ in range(8):
        result = alerted.round(timedelta(seconds=20))
        seen.append(len(own.refused))
        assert all(f"status {status}" in remark for remark in result.remarks)
    # After 15, 30 and 60 seconds.
    assert seen == [1, 2, 2, 3, 3, 3, 3, 3]
    assert told(own) == [BAD]
    assert {each.key for each in own.refused} == {*own.keys()}
    assert alerted.titles("shop") == [BAD]


@pytest.mark.parametrize("as_date", [False, True])
def test_a_server_that_asks_to_wait_is_left_alone_so_long(
    alerted: AlertedMesh, own: Receiver, as_date: bool
) -> None:
    alerted.now = datetime.now(UTC)
    date = format_datetime(alerted.now + timedelta(seconds=300), usegmt=True)
    own.answers.append((429, date if as_date else "300"))
    alerted.refuse()
    alerted.round()
    alerted.refuse("other/amounts")  # another message of the same channel waits with it
    for _ in range(9):
        alerted.round(timedelta(seconds=30))
    assert (len(own.refused), len(own.taken)) == (1, 0)
    for _ in range(3):
        alerted.round(timedelta(seconds=30))
    assert told(own) == [BAD, BAD.replace("shop/sales", "other/amounts")]
    assert alerted.titles("shop") == [BAD]


@pytest.mark.parametrize("after", ["soon", "-5", "9" * 30, "", "Wed, 99 Foo 2026 99:00:00 GMT"])
def test_an_odd_time_to_wait_is_ignored(alerted: AlertedMesh, own: Receiver, after: str) -> None:
    own.answers.append((429, after))
    alerted.refuse()
    alerted.round()
    alerted.round(timedelta(hours=1))
    assert told(own) == [BAD]


def test_a_server_that_does_not_answer(
    alerted: AlertedMesh, own: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PATIENCE", 0.2)
    own.stalls.set()
    alerted.refuse()
    [remark] = alerted.round().remarks
    assert "ReadTimeout" in remark
    assert alerted.titles("shop") == [BAD]
    own.stalls.clear()
    alerted.round(MINUTE)
    assert told(own) == [BAD]


def test_a_message_that_a_server_never_takes_holds_up_no_other(alerted: AlertedMesh, own: Receiver) -> None:
    own.unwanted = "shop/sales was"
    alerted.refuse()
    alerted.round()
    alerted.refuse()
    alerted.refuse("other/amounts")
    for _ in range(12):
        alerted.round(MINUTE)
    assert told(own) == [BAD.replace("shop/sales", "other/amounts")]
    assert len(alerted.waiting()) == 1


def test_an_address_elsewhere_is_not_followed(alerted: AlertedMesh, own: Receiver) -> None:
    """A redirect would send the message, and the secret in its address, to another server."""
    own.location = alerted.receiver.url("thief")
    own.answers.append((307, None))
    alerted.refuse()
    alerted.round()
    assert alerted.titles("thief") == []
