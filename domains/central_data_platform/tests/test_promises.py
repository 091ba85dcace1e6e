"""The sums of the ledger, against the same sums by hand."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from central_data_platform.promises import (
    LEDGER,
    READ,
    levels_of,
    night,
    plotted,
    service_levels,
    slo_ledger,
)
from platform_core.mesh import Entry, Nights
from platform_core.testing import evaluate

FIRST = date(2026, 9, 20)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def promise(day: date, product: str = "sales/likes", **facts: Any) -> dict[str, Any]:
    """A promise that was kept: due at six, and closed at three of the next day."""
    due = datetime.combine(day, time(6), UTC)
    state = facts.get("state", "kept")
    usual = {
        "product_id": product,
        "domain": product.partition("/")[0],
        "day": day,
        "promise": "deadline",
        "opens": due - 3 * HOUR,
        "due": due,
        "closes": due + 21 * HOUR,
        "delivered": due - HOUR if state == "kept" else due + HOUR if state == "late" else None,
        "late_seconds": 3600.0 if state == "late" else None,
        "state": state,
        "share": float(state == "kept"),
        "version": 1,
        "stale": False,
        "blame": None if state == "kept" else product,
        "blame_domain": None if state == "kept" else product.partition("/")[0],
        "target": 95.0,
        "contract_version": "1.0.0",
        "entered": due + DAY,
    }
    return usual | facts


def levels(*rows: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    ledger = pa.Table.from_pylist([*rows], schema=LEDGER).select(READ)
    return {(row["product_id"], row["period"]): row for row in levels_of(ledger).to_pylist()}


def test_own_and_inherited_misses_are_apart() -> None:
    days = [FIRST + n * DAY for n in range(10)]
    foreign = {"blame": "hr/stores", "blame_domain": "hr"}
    found = levels(
        *map(promise, days[:7]),
        promise(days[7], state="late"),
        promise(days[8], state="missed", **foreign),
        promise(days[9], state="late", late_seconds=60.0, stale=False, **foreign),
    )["sales/likes", "2026-09"]

    assert (found["promised"], found["kept"], found["late"], found["missed"]) == (10, 7, 2, 1)
    assert (found["attained"], found["own"], found["worst_late_seconds"]) == (70, 90, 3600)
    # Half a miss of ten is allowed at 95 %, and three are there.
    assert found["error_budget"] == pytest.approx(1 - 3 / 0.5)
    assert (found["first_day"], found["last_day"]) == (days[0], days[-1])


@pytest.mark.parametrize(
    ("target", "budget"), [(95.0, 1 - 1 / 1.4), (90.0, 1 - 1 / 2.8), (99.0, 1 - 1 / 0.28), (100.0, None)]
)
def test_the_error_budget_is_the_part_of_the_allowed_misses_that_is_left(
    target: float, budget: float | None
) -> None:
    days = [FIRST + n * DAY for n in range(28)]
    rows = [promise(day, target=target, state="missed" if day == FIRST else "kept") for day in days]
    found = levels(*rows)["sales/likes", "28 days"]
    assert found["error_budget"] == (None if budget is None else pytest.approx(budget, abs=1e-4))
    assert found["attained"] == pytest.approx(100 * 27 / 28, abs=1e-4)


def test_a_part_of_an_age_is_a_part_of_a_miss() -> None:
    found = levels(promise(FIRST, promise="age", state="late", share=0.75), promise(FIRST + DAY))
    assert found["sales/likes", "2026-09"]["attained"] == 87.5
    assert found["sales/likes", "2026-09"]["own"] == 87.5


def test_the_last_28_days_have_28_promises_of_each_daily_product() -> None:
    """A deadline closes on the day after it, an age with its day."""
    ages = [FIRST + n * DAY for n in range(60)]
    found = levels(
        *map(promise, ages[:-1]),
        *(
            promise(day, "hr/aged", promise="age", due=end, closes=end)
            for day in ages
            for end in (datetime.combine(day, time(), UTC) + DAY,)
        ),
        *(promise(day, "hr/removed") for day in ages[:5]),
    )
    assert found["sales/likes", "28 days"]["promised"] == 28
    assert found["hr/aged", "28 days"]["promised"] == 28
    assert ("hr/removed", "28 days") not in found
    assert found["hr/removed", "2026-09"]["promised"] == 5
    assert {period for _, period in found} == {"2026-09", "2026-10", "2026-11", "28 days"}


def test_the_target_of_a_period_is_the_last_one() -> None:
    found = levels(promise(FIRST, target=99.0), promise(FIRST + DAY, target=90.0))
    assert found["sales/likes", "2026-09"]["target"] == 90


def test_random_ledgers_have_the_sums_of_a_loop() -> None:
    chosen = random.Random(17)
    rows = []
    for product in ("sales/likes", "hr/stores", "hr/rosters"):
        for number in range(70):
            state = chosen.choice(("kept",) * 6 + ("late", "missed"))
            blamed = chosen.choice(("hr", "sales"))
            share = chosen.random() if state == "late" and chosen.random() < 0.5 else float(state == "kept")
            rows.append(
                promise(
                    FIRST + number * DAY,
                    product,
                    state=state,
                    share=share,
                    stale=state == "kept" and chosen.random() < 0.1,
                    blame=None if state == "kept" else f"{blamed}/x",
                    blame_domain=None if state == "kept" else blamed,
                    target=97.0,
                )
            )
    newest = max(row["closes"] for row in rows).date()
    by_period = defaultdict[tuple[str, str], list[dict[str, Any]]](list)
    for row in rows:
        by_period[row["product_id"], f"{row['day']:%Y-%m}"].append(row)
        if row["closes"].date() > newest - 28 * DAY:
            by_period[row["product_id"], "28 days"].append(row)

    found = levels(*rows)

    assert found.keys() == by_period.keys()
    for key, own in by_period.items():
        lost = sum(1 - row["share"] for row in own)
        foreign = sum(1 - row["share"] for row in own if row["blame_domain"] not in (None, row["domain"]))
        level = found[key]
        assert level["promised"] == len(own) == level["kept"] + level["late"] + level["missed"]
        assert level["stale"] == sum(row["stale"] for row in own)
        assert level["attained"] == pytest.approx(100 * (1 - lost / len(own)), abs=1e-3)
        assert level["own"] == pytest.approx(100 * (1 - (lost - foreign) / len(own)), abs=1e-3)
        assert level["error_budget"] == pytest.approx(1 - lost / (len(own) * 0.03), abs=1e-3)


def test_the_plot_weighs_products_by_their_promises() -> None:
    found = levels(
        *(promise(FIRST + n * DAY) for n in range(9)),
        promise(FIRST, "hr/stores", state="missed"),
    )
    assert plotted(found.values()) == {"slo/attained": 90, "slo/attained_sales": 100, "slo/attained_hr": 0}
    assert plotted([]) == {}


def test_the_levels_keep_their_contract() -> None:
    rows = [promise(FIRST + n * DAY, state="late" if n == 3 else "kept") for n in range(30)]
    result = evaluate(service_levels, ledger=rows)
    assert result.failed == []
    assert {row["period"] for row in result.rows} == {"2026-09", "2026-10", "28 days"}
    assert evaluate(service_levels).rows == []


def test_a_night_has_the_rows_of_the_contract() -> None:
    facts = {k: v for k, v in promise(FIRST, state="late").items() if k in Entry.__dataclass_fields__}
    entry = Entry(product="sales/likes", late=timedelta(minutes=90), **facts)

    class Found(Nights):
        def entries(self, day: date) -> list[Entry]:
            return [entry] if day == FIRST else []

    now = datetime(2026, 9, 22, 0, 5, tzinfo=UTC)
    found = Found(Path(), [], now.date())

    (row,) = night(found, FIRST, now).to_pylist()

    expected = promise(FIRST, state="late", late_seconds=5400.0, entered=now)
    assert row == expected
    assert night(found, FIRST + DAY, now).num_rows == 0


def test_a_mesh_without_runs_promised_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    assert evaluate(slo_ledger).rows == []
