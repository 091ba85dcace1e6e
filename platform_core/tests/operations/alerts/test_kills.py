"""A watch that is killed at any moment loses no message, and sends one twice only with the same key."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from operations import killed_rounds
from operations.alerted import DOMAINS, AlertedMesh

from platform_core.operations.incidents.signals import Signal

EVERYTHING = (
    "{name: all, events: [opened, resolved, repeated, warned, published, contract_changed], "
    "notify: [owner, readers, platform-team], repeat: 1h}"
)
PRODUCTS = ("shop/sales", "other/amounts", "third/names")
Kill = int | float | str
Message = tuple[str, str, str]


@dataclass
class Killed:
    """A mesh in which much has happened that no round has seen, and a process that does rounds."""

    alerted: AlertedMesh
    before: Path
    """Its state, as it was before the first round."""
    process: subprocess.Popen[str]
    start: datetime
    operations: list[int] = field(default_factory=list)
    refusals: list[tuple[int, str | None]] = field(default_factory=list)
    """The statuses of the first answers of the channels."""

    def round(self, number: int, at: Kill | None = None) -> int | str:
        """A round at a time by its number."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        now = self.alerted.now = self.start + timedelta(minutes=90) * number
        print(json.dumps([now.isoformat(), at]), file=self.process.stdin, flush=True)
        found: Any = json.loads(self.process.stdout.readline())
        assert found != "failed"
        return found

    def repair(self) -> None:
        for product in PRODUCTS:
            self.alerted.publish(product)
        self.alerted.happens(Signal.of("works", "location:shop", self.alerted.now, str(uuid4())))

    def heard(self, kills: Sequence[Kill] = (), later: Sequence[Kill] = ()) -> Counter[Message]:
        """All messages, where the first round is killed so often, and the round after the repair."""
        shutil.rmtree(self.alerted.mesh.root / ".mesh" / "operate")
        shutil.copytree(self.before, self.alerted.mesh.root / ".mesh" / "operate")
        self.alerted.receiver.clear()
        self.alerted.receiver.answers += self.refusals
        self.operations = []
        for number, killing in enumerate((kills, later)):
            if number:
                self.alerted.now = self.start + timedelta(minutes=80)
                self.repair()
            for kill in killing:
                killed = self.round(number, kill)
                assert killed == "killed" or not isinstance(kill, str)
            found = self.round(number)
            assert isinstance(found, int)
            self.operations.append(found)
        while self.alerted.waiting():
            self.round(number := number + 1)
            assert number < 20
        taken = self.alerted.receiver.taken
        return Counter((each.path, str(each.key), json.dumps(each.body)) for each in taken)


@contextmanager
def much_happened(alerted: AlertedMesh) -> Iterator[Killed]:
    alerted.policies(EVERYTHING, more="heartbeat: {file: beat.txt}\n")
    alerted.mesh.write("governance/beat.txt", alerted.receiver.url("beat"))
    alerted.round()
    for product in PRODUCTS:
        alerted.refuse(product)
    alerted.happens(
        Signal.of("broken", "location:shop", alerted.now, str(uuid4()), code="R001", what="does not load")
    )
    with alerted.events() as events:
        for number in range(3):
            events.checked("shop/sales", "range__amount", False, warning=True, violations=number + 1, rows=9)
            events.published("other/amounts", number + 5)
    contract = alerted.mesh.root / "domains/shop/contracts/sales.odcs.yaml"
    contract.write_text(contract.read_text().replace("version: 1.2.0", "version: 1.3.0"))
    before = alerted.mesh.root / ".mesh" / "before"
    shutil.copytree(alerted.mesh.root / ".mesh" / "operate", before)
    command = [sys.executable, killed_rounds.__file__, str(alerted.mesh.root)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Killed(alerted, before, process, alerted.now)
    finally:
        process.communicate(timeout=60)
        shutil.rmtree(before)


@pytest.fixture
def killed(alerted: AlertedMesh) -> Iterator[Killed]:
    with much_happened(alerted) as found:
        yield found


def check(expected: Counter[Message], found: Counter[Message]) -> int:
    """Nothing is lost, and nothing new; the number of doubles."""
    wanted, seen = (
        {each: number for each, number in counts.items() if each[0] != "/beat"}
        for counts in (expected, found)
    )
    assert {*wanted.values()} == {1}
    assert seen.keys() == wanted.keys()
    return sum(seen.values()) - len(wanted)


def test_ten_kills_at_random_operations(killed: Killed) -> None:
    expected, chosen = killed.heard(), random.Random(17)
    assert len(expected) > 20
    assert {path for path, _, _ in expected} == {f"/{each}" for each in (*DOMAINS, "beat")}
    kills = [[chosen.randint(1, most) for _ in range(5)] for most in killed.operations]
    assert check(expected, killed.heard(*kills)) <= 10


@pytest.mark.full
def test_fifty_kills_while_channels_refuse_some(killed: Killed) -> None:
    expected, chosen = killed.heard(), random.Random(18)
    operations = [*killed.operations]
    for _ in range(5):
        kills: list[list[Kill]] = [
            [*(chosen.uniform(0, 0.5) for _ in range(3)), *(chosen.randint(1, most) for _ in range(2))]
            for most in operations
        ]
        killed.refusals = [(chosen.choice((200, 200, 503)), None) for _ in range(40)]
        check(expected, killed.heard(*kills))


@pytest.mark.full
def test_a_kill_at_each_point(killed: Killed) -> None:
    expected, doubles = killed.heard(), dict[str, int]()
    for point in killed_rounds.POINTS:
        doubles[point] = check(expected, killed.heard([point], [point]))
    # A server has taken the message, and nobody knows it.
    assert {point: number for point, number in doubles.items() if number} == {"accepted": 2}
