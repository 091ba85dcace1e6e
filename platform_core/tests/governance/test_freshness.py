"""The possible freshness of products, on graphs of a few products."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from platform_core.contracts.model import DataProduct, Deadline, MaximumAge, Rule
from platform_core.diagnostics import Place
from platform_core.governance.facts import FactoryFacts, InputFacts, LocationFacts, MeshFacts
from platform_core.governance.freshness import Freshness
from platform_core.governance.policies.freshness import feasible, recent_enough
from platform_core.source.federation import Federation

HERE = Place(Path("a.odcs.yaml"), 9, 3)
Promise = Deadline | MaximumAge | None
Graph = dict[str, tuple[Promise, tuple[str, ...]]]


def by(schedule: str, zone: str = "UTC", hours: float = 6) -> Deadline:
    return Deadline(schedule, timedelta(hours=hours), zone, HERE)


def within(**span: float) -> MaximumAge:
    return MaximumAge(timedelta(**span), HERE)


def _product(name: str, promise: Promise) -> DataProduct:
    domain, _, short = name.partition("/")
    return DataProduct(
        domain,
        short,
        HERE.path,
        HERE,
        "1.0.0",
        "active",
        (),
        (),
        deadline=promise if isinstance(promise, Deadline) else None,
        maximum_age=promise if isinstance(promise, MaximumAge) else None,
    )


def _broken(graph: Graph) -> list[str]:
    products = {name: _product(name, promise) for name, (promise, _) in graph.items()}
    upstreams = {name: reads for name, (_, reads) in graph.items()}
    return [breach.product for breach in Freshness(products, upstreams).breaches()]


def _mesh(graph: Graph) -> MeshFacts:
    products = tuple(_product(name, promise) for name, (promise, _) in graph.items())
    factories = tuple(
        FactoryFacts(
            name.partition("/")[2],
            "function",
            HERE,
            tuple(InputFacts(f"i{n}", read, None, HERE) for n, read in enumerate(reads)),
        )
        for name, (_, reads) in graph.items()
    )
    return MeshFacts((LocationFacts("d", "d", products, factories),), Federation())


@pytest.mark.parametrize(
    ("upstream", "product", "kept"),
    [
        (by("0 5 * * *"), by("0 5 * * *"), True),
        # What reads sources alone is refreshed an hour before its deadline, or in the middle of its window.
        (by("0 5 * * *"), by("0 10 * * *"), True),
        (by("0 5 * * *"), by("1 10 * * *"), False),  # of 04:00, which is more than six hours ago
        (by("0 5 * * *", hours=1), by("30 10 * * *"), True),
        (by("0 5 * * *", hours=1), by("31 10 * * *"), False),
        (by("0 6 * * *"), by("45 5 * * *"), False),  # of the day before
        (by("0 6 * * *"), by("45 5 * * *", hours=25), True),  # which a day and an hour allow
        (by("0 6 * * 1"), by("0 7 * * *"), False),  # weekly, read daily
        (by("0 6 * * 1"), by("0 7 * * 1"), True),
        (by("0 6 1 * *"), by("0 7 * * 1", hours=100), False),  # monthly, read weekly
        (by("0 6 29 2 *"), by("0 7 29 2 *"), True),
        (by("0 * * * *", hours=1), by("30 9 * * *", hours=1), True),
        (by("0 9 * * *"), by("*/5 * * * *", hours=1 / 12), False),
        (by("0 9 * * 1-5"), by("0 10 * * *", hours=26), False),  # not on Saturdays
        (by("0 5 * * *"), within(hours=25), True),
        (by("0 5 * * *"), within(hours=24), False),
        (by("0 5 * * 1"), within(days=7, hours=1), True),
        (by("0 5 * * 1-5"), within(days=1), False),  # over the weekend it is three days
        (within(days=1), within(days=1), True),
        (within(days=7), within(days=1), False),
        (within(hours=6), by("0 5 * * *"), True),
        (within(hours=7), by("0 5 * * *"), False),
        (None, by("0 5 * * *", hours=1), True),
        (by("0 5 * * *"), None, True),
    ],
)
def test_one_upstream(upstream: Promise, product: Promise, kept: bool) -> None:
    assert _broken({"d/up": (upstream, ()), "d/it": (product, ("d/up",))}) == ([] if kept else ["d/it"])


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo"])
def test_a_day_is_a_day_when_the_clocks_change(zone: str) -> None:
    assert _broken({"d/up": (by("0 5 * * *", zone), ()), "d/it": (within(hours=25), ("d/up",))}) == []
    assert _broken({"d/up": (by("30 2 * * *", zone), ()), "d/it": (by("30 2 * * *", zone), ("d/up",))}) == []


def test_clocks_that_change_on_different_days_are_found() -> None:
    # 06:00 in Berlin is 00:00 in New York; for three weeks of spring it is 01:00.
    berlin, new_york = by("0 6 * * *", "Europe/Berlin"), by("15 0 * * *", "America/New_York")
    assert _broken({"d/up": (berlin, ()), "d/it": (new_york, ("d/up",))}) == ["d/it"]
    later = by("15 1 * * *", "America/New_York")
    assert _broken({"d/up": (berlin, ()), "d/it": (later, ("d/up",))}) == []


def test_maximum_ages_add_up() -> None:
    chain: Graph = {"d/a": (within(days=1), ()), "d/b": (within(days=1), ("d/a",))}
    assert _broken(chain | {"d/c": (within(days=1), ("d/b",))}) == ["d/c"]
    assert _broken(chain | {"d/c": (within(days=2), ("d/b",))}) == []


def test_a_chain_of_deadlines_is_as_old_as_its_source() -> None:
    chain: Graph = {"d/a": (by("0 5 * * *"), ()), "d/b": (by("45 5 * * *"), ("d/a",))}
    assert _broken(chain | {"d/c": (by("0 7 * * *", hours=3), ("d/b",))}) == []
    assert _broken(chain | {"d/c": (by("0 7 * * *", hours=2.5), ("d/b",))}) == ["d/c"]


def test_a_product_without_a_promise_passes_ages_on() -> None:
    graph: Graph = {
        "d/a": (by("0 6 * * 1"), ()),
        "d/b": (None, ("d/a",)),
        "d/c": (by("0 7 * * *"), ("d/b",)),
        "d/e": (within(days=6), ("d/b",)),
    }
    assert _broken(graph) == ["d/c", "d/e"]


def test_a_broken_promise_is_reported_once() -> None:
    graph: Graph = {
        "d/a": (by("0 6 * * 1"), ()),
        "d/b": (by("0 7 * * *"), ("d/a",)),
        "d/c": (by("0 8 * * *", hours=12), ("d/b",)),
    }
    assert _broken(graph) == ["d/b"]


def test_cycles_are_left_to_their_own_policy() -> None:
    graph: Graph = {
        "d/a": (within(days=1), ("d/b",)),
        "d/b": (within(days=2), ("d/a",)),
        "d/c": (within(hours=1), ("d/a",)),
    }
    assert _broken(graph) == []


def test_the_path_and_the_arithmetic_are_shown() -> None:
    (violation,) = feasible.check(
        _mesh(
            {
                "d/transactions": (by("0 5 * * *", "America/New_York"), ()),
                "d/staffing": (by("15 5 * * *", "America/Chicago"), ("d/transactions",)),
                "d/performance": (by("0 6 * * *", "America/New_York"), ("d/staffing",)),
            }
        )
    )
    assert violation.message == "d/performance is due 15 minutes before its input d/staffing"
    assert violation.place == HERE
    assert (violation.expected or "").splitlines()[0] == (
        "d/transactions by 05:00 America/New_York -> "
        "d/staffing by 05:15 America/Chicago (= 06:15 America/New_York) -> "
        "d/performance by 06:00 America/New_York: 15 minutes too early"
    )
    assert "06:15 America/New_York or later" in (violation.fix or "")


def test_ages_are_shown_with_their_path() -> None:
    (violation,) = feasible.check(_mesh({"d/a": (within(days=7), ()), "d/b": (within(days=1), ("d/a",))}))
    assert violation.expected == "d/a at most 7 days old -> d/b at most 1 day old: 6 days too old"
    (violation,) = feasible.check(_mesh({"d/a": (by("0 6 * * 1"), ()), "d/b": (by("0 7 * * *"), ("d/a",))}))
    assert violation.expected is not None
    assert violation.expected.startswith("d/a by Mon 06:00 UTC -> d/b by 07:00 UTC: ")


def test_paths_do_not_multiply() -> None:
    # Thirty layers of two: a billion paths, which nobody could wait for.
    graph: Graph = {"d/a0": (by("0 1 * * *"), ()), "d/b0": (by("1 1 * * *"), ())}
    for layer in range(1, 30):
        reads = (f"d/a{layer - 1}", f"d/b{layer - 1}")
        graph[f"d/a{layer}"] = (by(f"{layer} 2 * * *"), reads)
        graph[f"d/b{layer}"] = (None if layer % 2 else by(f"{layer} 2 * * *"), reads)
    assert _broken(graph) == []


def _recent(name: str, days: int | None, reads: tuple[str, ...] = ()) -> tuple[DataProduct, FactoryFacts]:
    rule = Rule(
        "recency__at", "recency", HERE, ("at",), maximum_age=None if days is None else timedelta(days=days)
    )
    inputs = tuple(InputFacts(f"i{n}", read, None, HERE) for n, read in enumerate(reads))
    product = DataProduct("d", name, HERE.path, HERE, "1.0.0", "active", (), (rule,))
    return product, FactoryFacts(name, "function", HERE, inputs)


@pytest.mark.parametrize(
    ("inputs", "days", "kept"),
    [
        ((2,), 2, True),
        ((2,), 1, False),
        ((5, 2), 2, True),  # the column may come from the more recent one
        ((5, 2), 1, False),
        ((2, None), 1, True),  # nobody promises how recent the other is
        ((), 1, True),
    ],
)
def test_data_is_not_more_recent_than_its_inputs(
    inputs: tuple[int | None, ...], days: int, kept: bool
) -> None:
    sources = [_recent(f"s{n}", each) for n, each in enumerate(inputs)]
    it = _recent("it", days, tuple(f"d/s{n}" for n in range(len(inputs))))
    products, factories = zip(*sources, it, strict=True)
    mesh = MeshFacts((LocationFacts("d", "d", products, factories),), Federation())
    assert [violation.product for violation in recent_enough.check(mesh)] == ([] if kept else ["d/it"])
