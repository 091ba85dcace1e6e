"""Real failures of `mesh run`: one incident for each cause, and its end by a real repair only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from operations.watched import BAD, CODE, GOOD, PROMISE, READERS, TABLE, WatchedShop, watched_shop

pytestmark = pytest.mark.full

TILLS = """
@data_product(inputs={{"raw": Source("till/rows", path={file!r})}})
def tills(raw: Table):
    return f"SELECT id, amount, who FROM {{raw}}"
"""
TAKINGS = """
@data_product(inputs={"tills": "other/tills"})
def takings(tills: Table):
    return f"SELECT id, amount, who FROM {tills}"
"""
RAISES = """
@data_product
def sales():
    raise ValueError("Ada owes 77")
"""
KILLED = """
@data_product
def sales():
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
"""
BROKEN = "def sales(:\n"


@dataclass
class Failing:
    """`shop/sales` with two readers, and apart from them `third/takings`, which reads `other/tills`, which
    reads a file."""

    shop: WatchedShop
    file: Path
    seen: dict[str, int]
    """How often each incident of earlier tests came back: one does within an hour."""

    def run(self, *words: str) -> dict[str, str]:
        """The status of each product of a `mesh run`, and a round after it."""
        process = self.shop.mesh.start("run", "--json", *words)
        out, err = process.communicate(timeout=300)
        assert out, err
        self.shop.round()
        return {each["product"]: each["status"] for each in json.loads(out)["products"]}

    def fill(self) -> None:
        self.file.write_text("id,amount,who\n1,2.5,Ada\n")

    @property
    def incidents(self) -> list[tuple[str, str, str, tuple[str, ...]]]:
        """The cause, kind, state and affected products of the incidents of this test."""
        every = self.shop.incidents(unresolved=False)
        found = [each for each in every if each["reopened"] > self.seen.get(each["id"], -1)]
        return sorted((each["cause"], each["kind"], each["state"], tuple(each["affected"])) for each in found)

    def repair(self) -> None:
        self.fill()
        self.shop.mesh.code("shop", CODE.format(query=GOOD))
        assert {*self.run().values()} == {"ok"}


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    root = tmp_path_factory.mktemp("mesh")
    with watched_shop(root) as shop:
        file = root / "till.csv"
        one, two = READERS.strip().split("\n\n\n")
        roles = '[{role: "domain:third", access: read}]'
        shop.mesh.contract("other/tills", TABLE, roles=roles, promise=PROMISE)
        shop.mesh.contract("third/takings", TABLE, promise=PROMISE)
        shop.mesh.code("other", one + "\n" + TILLS.format(file=str(file)))
        shop.mesh.code("third", two + "\n" + TAKINGS)
        found = Failing(shop, file, {})
        found.repair()
        yield found


@pytest.fixture
def failing(mesh: Failing) -> Failing:
    """The mesh without an open incident."""
    assert mesh.shop.incidents() == []
    mesh.seen = {each["id"]: each["reopened"] for each in mesh.shop.incidents(unresolved=False)}
    mesh.shop.receiver.taken.clear()
    return mesh


def said(failing: Failing) -> dict[str, list[str]]:
    return {domain: failing.shop.messages(domain) for domain in ("shop", "other", "third")}


def test_a_refused_rule(failing: Failing) -> None:
    failing.shop.mesh.code("shop", CODE.format(query=BAD))
    refused = ("shop/sales", "refused", "open", ("other/amounts",))
    made = failing.run()
    assert (made["shop/sales"], made["third/takings"]) == ("failed", "ok")
    assert failing.incidents == [refused]

    failing.run("shop/sales")
    failing.run("other/amounts")  # from the version before

    assert failing.incidents == [refused]
    title = "shop/sales was not published: range__amount fails"
    assert said(failing) == {"shop": [title], "other": [title], "third": []}

    failing.repair()
    assert failing.incidents == [(*refused[:2], "resolved", refused[3])]
    again = [title, "shop/sales works again"]
    assert said(failing) == {"shop": again, "other": again, "third": []}


def test_a_missing_source(failing: Failing) -> None:
    failing.file.unlink()
    missing = ("source:till/rows", "failed", "open", ("other/tills", "third/takings"))
    failing.run()
    assert failing.incidents == [missing]
    failing.run()
    assert failing.incidents == [missing]
    title = "the source till/rows is not there, or cannot be read"
    assert said(failing) == {"shop": [], "other": [title], "third": [title]}

    failing.repair()
    assert failing.incidents == [(*missing[:2], "resolved", missing[3])]


def test_an_exception(failing: Failing) -> None:
    failing.shop.mesh.code("shop", RAISES)
    failed = ("shop/sales", "failed", "open", ("other/amounts", "third/names"))
    failing.run()
    failing.shop.round()
    assert failing.incidents == [failed]
    assert observations(failing) == {name: ["open"] for name in ("shop/sales", *failed[3])}
    title = "shop/sales could not be made: its code fails with ValueError (R003)"
    assert said(failing) == {"shop": [title], "other": [title], "third": [title]}
    assert not any("Ada" in json.dumps(each.body) for each in failing.shop.receiver.taken)

    failing.repair()
    failing.shop.round()
    assert failing.incidents == [(*failed[:2], "resolved", failed[3])]
    assert observations(failing) == {name: ["open", "resolved"] for name in ("shop/sales", *failed[3])}


def test_two_causes_in_one_run(failing: Failing) -> None:
    failing.file.unlink()
    failing.shop.mesh.code("shop", CODE.format(query=BAD))
    made = failing.run()
    assert {made[name] for name in ("other/amounts", "third/names", "third/takings")} == {"skipped"}
    both = [
        ("shop/sales", "refused", ("other/amounts",)),
        ("source:till/rows", "failed", ("other/tills", "third/takings")),
    ]
    assert [(cause, kind, affected) for cause, kind, _, affected in failing.incidents] == both
    assert {state for _, _, state, _ in failing.incidents} == {"open"}

    failing.fill()
    failing.run()
    assert [state for _, _, state, _ in failing.incidents] == ["open", "resolved"]

    failing.repair()
    assert [state for _, _, state, _ in failing.incidents] == ["resolved", "resolved"]


def test_a_killed_worker(failing: Failing) -> None:
    failing.shop.mesh.code("shop", KILLED)
    killed = ("shop/sales", "failed", "open", ("other/amounts", "third/names"))
    failing.run()
    assert failing.incidents == [killed]
    title = "shop/sales could not be made: its process was killed (R002)"
    assert said(failing) == {"shop": [title], "other": [title], "third": [title]}

    failing.repair()
    assert failing.incidents == [(*killed[:2], "resolved", killed[3])]


def test_a_location_that_does_not_load(failing: Failing) -> None:
    failing.shop.mesh.code("shop", BROKEN)
    affected = ("other/amounts", "shop/sales", "third/names")
    process = failing.shop.mesh.start("run", "--json")
    process.communicate(timeout=300)
    # The run knows it before any round.
    (incident,) = failing.shop.incidents()
    assert (incident["cause"], incident["kind"]) == ("location:shop", "broken")
    assert said(failing) == {"shop": [], "other": [], "third": []}

    failing.shop.round()
    failing.run()
    assert failing.incidents == [("location:shop", "broken", "open", affected)]
    assert {len(each) for each in said(failing).values()} == {1}

    failing.repair()
    assert failing.incidents == [("location:shop", "broken", "resolved", affected)]
    assert {each[-1] for each in said(failing).values()} == {"the code location shop works again"}


def observations(failing: Failing) -> dict[str, list[str]]:
    """What the pages of products show of the incident of this test, the oldest first."""
    [id] = [
        each["id"]
        for each in failing.shop.incidents(unresolved=False)
        if each["reopened"] > failing.seen.get(each["id"], -1)
    ]
    found: dict[str, list[str]] = {}
    for product in ("shop/sales", "other/amounts", "third/names", "third/takings"):
        key = dg.AssetKey(product.split("/"))
        for record in failing.shop.instance.fetch_observations(key, limit=100).records[::-1]:
            assert record.asset_observation is not None
            shown = record.asset_observation.metadata.get("mesh/incident")
            if shown is not None and str(shown.value).startswith(id):
                found.setdefault(product, []).append(str(shown.value).partition("(")[2].rstrip(")"))
    return found
