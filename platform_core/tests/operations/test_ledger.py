"""The outcome of promised deliveries, and the product that is to blame where one was not kept."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from platform_core.contracts.model import DataProduct, Deadline, MaximumAge
from platform_core.diagnostics import Place
from platform_core.operations.ledger.deliveries import BACK, Nights, deliveries
from platform_core.operations.ledger.night import Deliveries, Entry, entries
from platform_core.operations.ledger.promises import Delivery
from platform_core.workspace.records.products import Materialization

HERE = Place(Path("x.odcs.yaml"))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# A Wednesday.
TODAY = datetime(2026, 6, 10, tzinfo=UTC)


def product(
    name: str, cron: str | None = "0 6 * * *", zone: str = "UTC", lower: float = 3, age: float | None = None
) -> DataProduct:
    """A product with a deadline, and a lower bound in hours; or with a maximum age in hours."""
    domain = name.partition("/")[0]
    found = DataProduct(domain, name.partition("/")[2], HERE.path, HERE, "1.2.0", "active", (), ())
    if age is not None:
        return replace(found, maximum_age=MaximumAge(timedelta(hours=age), HERE))
    assert cron is not None
    return replace(found, deadline=Deadline(cron, timedelta(hours=lower), zone, HERE))


def at(hours: float, day: datetime = TODAY) -> datetime:
    """Some hours after the beginning of a day."""
    return day + timedelta(hours=hours)


def made(times: Iterable[datetime], *inputs: str) -> list[Delivery]:
    return [Delivery(each, number, frozenset(inputs)) for number, each in enumerate(sorted(times))]


def days_before(hours: float, count: int = 5) -> list[datetime]:
    """The same time on each of the days before today."""
    return [at(hours) - number * DAY for number in range(count, 0, -1)]


def ledger(
    products: dict[DataProduct, list[Delivery]],
    days: int = 1,
    since: datetime = LONG_AGO,
    first: datetime = TODAY,
) -> list[Entry]:
    known = Deliveries(since, {each.id: found for each, found in products.items()})
    return [
        entry for number in range(days) for entry in entries(products, known, (first + number * DAY).date())
    ]


def entered(own: DataProduct, times: Iterable[datetime], **options: object) -> list[Entry]:
    return ledger({own: made(times)}, **options)  # type: ignore[arg-type]


# The oracle: minute by minute, without the ledger's code and without the platform's schedule.


def ticks(
    hour: int, minute: int, weekdays: Sequence[int], zone: str, first: date, days: int
) -> list[datetime]:
    """Daily ticks as Dagster has them: a skipped time at the skip, a repeated one the second time."""
    found = []
    for number in range(days):
        day = first + number * DAY
        if day.isoweekday() % 7 not in weekdays:
            continue
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - 15 * HOUR
        local = [
            (moment, clock)
            for step in range(40 * 60)
            for moment in (begin + step * MINUTE,)
            for clock in (moment.astimezone(ZoneInfo(zone)),)
            if clock.date() == day
        ]
        same = [moment for moment, clock in local if (clock.hour, clock.minute) == (hour, minute)]
        after = [moment for moment, clock in local if (clock.hour, clock.minute) > (hour, minute)]
        found.append(same[-1] if same else after[0])
    return found


def by_minutes(
    due: Sequence[datetime], lower: timedelta, times: set[datetime]
) -> Iterator[tuple[datetime, datetime, str, datetime | None]]:
    """The deadline, the end, the state and the delivery of each promise."""
    for tick, following in pairwise(due):
        minute, state, delivered = tick - lower, "missed", None
        while minute < following - lower:
            if minute in times:
                state, delivered = "kept" if minute <= tick else "late", minute
                break
            minute += MINUTE
        yield tick, following - lower, state, delivered


SCHEDULES = (
    ("0 5 * * *", (5, 0, range(7)), "America/New_York", 2.0),
    ("30 2 * * *", (2, 30, range(7)), "Europe/Berlin", 1.0),
    ("30 2 * * *", (2, 30, range(7)), "America/New_York", 23.0),
    ("0 1 * * *", (1, 0, range(7)), "UTC", 2.5),
    ("45 23 * * 1-5", (23, 45, range(1, 6)), "Asia/Kolkata", 6.0),
    ("0 7 * * 1", (7, 0, (1,)), "Europe/Berlin", 12.0),
    ("0 2 * * 0", (2, 0, (0,)), "Europe/Berlin", 4.0),
)


@pytest.mark.parametrize("number", range(len(SCHEDULES)))
@pytest.mark.parametrize("month", [3, 10])
def test_deadlines_are_judged_as_a_clock_would_do_it(number: int, month: int) -> None:
    cron, (hour, minute, weekdays), zone, lower = SCHEDULES[number]
    chosen = random.Random(number * 100 + month)
    # The clocks change in New York on 8 March and 1 November, in Berlin on 29 March and 25 October.
    first, days = datetime(2026, month, 3, tzinfo=UTC), 33
    due = ticks(hour, minute, weekdays, zone, (first - 20 * DAY).date(), days + 40)
    near = [each - timedelta(hours=lower) for each in due] + due
    times = {first - 19 * DAY}
    times |= {chosen.choice(near) + chosen.randint(-3, 3) * MINUTE for _ in range(len(due))}
    times |= {first + chosen.randint(0, days * 24 * 60) * MINUTE for _ in range(len(due) // 2)}

    own = product("shop/sales", cron, zone, lower)
    found = entered(own, times, days=days, first=first)

    # A promise closes on the day of its last minute.
    end = first + days * DAY
    expected = [each for each in by_minutes(due, timedelta(hours=lower), times) if first < each[1] <= end]
    assert [(e.due, e.closes, e.state, e.delivered) for e in found] == expected
    assert len({e.state for e in found}) > 1
    assert all(e.late == (e.delivered - e.due if e.state == "late" else None) for e in found)  # type: ignore[operator]
    assert [e.day for e in found] == [e.due.astimezone(ZoneInfo(zone)).date() for e in found]


@pytest.mark.parametrize("seed", range(8))
def test_an_age_is_the_share_of_the_minutes_of_a_day(seed: int) -> None:
    chosen = random.Random(seed)
    age, days = chosen.choice((5, 24, 30, 49)), 10
    times = [TODAY - DAY]
    while times[-1] < TODAY + days * DAY:
        times.append(times[-1] + chosen.randint(10, age * 75) * MINUTE)

    found = entered(product("shop/sales", age=age), times, days=days)

    assert [e.day for e in found] == [(TODAY + n * DAY).date() for n in range(days)]
    for number, entry in enumerate(found):
        minutes = [TODAY + number * DAY + n * MINUTE for n in range(24 * 60)]
        young = sum(minute - max(t for t in times if t <= minute) < age * HOUR for minute in minutes)
        assert entry.share == pytest.approx(young / 1440)
        assert entry.state == ("kept" if young == 1440 else "missed" if young == 0 else "late")
        lost = (1440 - young) * MINUTE
        assert (entry.late or timedelta()) / MINUTE == pytest.approx(lost / MINUTE)
        assert entry.promise == "age"


@pytest.mark.parametrize(
    ("zone", "day", "gap"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC), 25),
    ],
)
def test_the_deadlines_around_a_change_of_the_clock_are_apart_by_it(
    zone: str, day: datetime, gap: int
) -> None:
    own = product("shop/sales", "0 6 * * *", zone, 2)
    found = entered(own, [LONG_AGO], days=3, first=day)
    assert [(b.due - a.due) / HOUR for a, b in pairwise(found)] == [gap, 24]
    assert all(e.due.astimezone(ZoneInfo(zone)).hour == 6 and e.due - e.opens == 2 * HOUR for e in found)


@pytest.mark.parametrize(
    ("hours", "state"),
    [(2.99, "missed"), (3, "kept"), (6, "kept"), (6.01, "late"), (26.99, "late"), (27, "missed")],
)
def test_a_delivery_counts_from_the_lower_bound_on_until_the_next_one(hours: float, state: str) -> None:
    # The deadline of yesterday, at six, closes today at three.
    (entry,) = entered(product("shop/sales"), [TODAY - 3 * DAY, at(hours, TODAY - DAY)])
    assert (entry.due, entry.state) == (at(6, TODAY - DAY), state)
    assert (entry.version, entry.share) == ((1, float(state == "kept")) if state != "missed" else (None, 0.0))


def test_the_first_delivery_of_a_promise_counts() -> None:
    (entry,) = entered(product("shop/sales"), [LONG_AGO, *(at(h, TODAY - DAY) for h in (4, 5, 7))])
    assert (entry.state, entry.delivered, entry.late) == ("kept", at(4, TODAY - DAY), None)


@pytest.mark.parametrize("own", [product("shop/sales"), product("shop/sales", age=20)])
def test_a_product_is_judged_from_its_first_delivery_on(own: DataProduct) -> None:
    assert entered(own, []) == entered(own, [at(30)]) == []
    assert entered(own, [at(40)], days=4)[0].due > at(40)


def test_a_slot_that_began_before_the_oldest_event_is_not_judged() -> None:
    daily, times = product("shop/sales"), days_before(5, 20)
    whole = entered(daily, times, days=10, first=TODAY - 10 * DAY)
    assert {e.state for e in whole} == {"kept"}

    # The log was purged: nothing before the evening of the fourth day is known.
    since = TODAY - 4 * DAY + 20 * HOUR
    kept = [each for each in times if each >= since]
    left = entered(daily, kept, days=10, first=TODAY - 10 * DAY, since=since)
    assert left == [replace(e, version=v) for e, v in zip(whole[-len(left) :], range(len(left)), strict=True)]
    assert left[0].opens >= since

    aged = product("shop/sales", age=36)
    assert {e.share for e in entered(aged, kept, days=9, first=TODAY - 9 * DAY, since=since)} == {1.0}


def test_the_target_of_the_contract_is_kept_with_the_promise() -> None:
    own = product("shop/sales")
    assert [entered(each, [LONG_AGO])[0].target for each in (own, replace(own, target=99.5))] == [95, 99.5]


# Blame.

STORES, SALES, REPORT = (
    product("shop/stores", "0 4 * * *"),
    product("crew/sales", "0 5 * * *"),
    product("desk/report"),
)


def chain(stores: float | None, sales: float | None, report: float | None) -> dict[str, Entry]:
    """The entries of a chain of products; of each the hour of its last delivery, None for none."""
    night = TODAY - DAY

    def times(usual: float, last: float | None) -> list[datetime]:
        return [
            *(each - DAY for each in days_before(usual)),
            *([at(last, night)] if last is not None else ()),
        ]

    found = ledger(
        {
            STORES: made(times(3, stores)),
            SALES: made(times(4, sales), "shop/stores"),
            REPORT: made(times(5, report), "crew/sales"),
        }
    )
    assert {e.due.date() for e in found} == {night.date()}
    return {entry.product: entry for entry in found}


@pytest.mark.parametrize(
    ("hours", "blame"),
    [
        ((3, 4, 5), (None, None, None)),
        ((3, 4, None), (None, None, "desk/report")),
        ((3, None, None), (None, "crew/sales", "crew/sales")),
        ((None, None, None), ("shop/stores",) * 3),
        ((7, 8, 9), ("shop/stores",) * 3),
        # The stores were late, but there before the others had to be.
        ((4.5, 4.6, 5), ("shop/stores", None, None)),
        ((4.5, 5.5, 6.5), ("shop/stores", "crew/sales", "desk/report")),
        # Nine minutes are too few, eleven are enough.
        ((4 + 51 / 60, 5.5, 5.9), ("shop/stores", "shop/stores", None)),
        ((4 + 49 / 60, 5.5, 5.9), ("shop/stores", "crew/sales", None)),
    ],
)
def test_the_farthest_input_that_was_not_there_is_to_blame(
    hours: tuple[float | None, float | None, float | None], blame: tuple[str | None, ...]
) -> None:
    found = chain(*hours)
    assert tuple(found[each.id].blame for each in (STORES, SALES, REPORT)) == blame
    for entry in found.values():
        assert (entry.blame is None) == (entry.state == "kept")
        assert entry.blame_domain == (entry.blame.partition("/")[0] if entry.blame else None)


def test_a_delivery_before_that_of_its_input_is_stale() -> None:
    assert {name: e.stale for name, e in chain(7, 4, 5).items()} == {
        "shop/stores": False,
        "crew/sales": True,
        "desk/report": False,
    }
    assert [chain(None, 4, 5)["crew/sales"].stale, chain(3, 4, 5)["crew/sales"].stale] == [True, False]


def test_a_weekly_reader_finds_the_input_that_was_late_a_week_ago() -> None:
    monday = TODAY - 9 * DAY  # its promise closes a week later
    weekly = product("desk/weekly", "0 6 * * 1")
    sales = [at(4, monday) + n * DAY for n in range(-20, 8) if n != 0]
    known = {SALES: made(sales), weekly: made([at(5, monday - 7 * DAY), at(9, monday)], "crew/sales")}
    (found,) = [e for e in ledger(known, first=monday + 7 * DAY) if e.product == "desk/weekly"]
    assert (found.due, found.state, found.blame) == (at(6, monday), "late", "crew/sales")

    known[weekly] = made([at(5, monday - 7 * DAY), at(5, monday)], "crew/sales")
    (found,) = [e for e in ledger(known, first=monday + 7 * DAY) if e.product == "desk/weekly"]
    assert (found.state, found.stale) == ("kept", True)


@pytest.mark.parametrize(
    ("input_at", "blame"),
    # The age of the reader was exceeded at nine.
    [(12, "crew/sales"), (None, "crew/sales"), (8.95, "crew/sales"), (8, "desk/aged")],
)
def test_an_input_is_to_blame_for_an_age_that_it_let_pass(input_at: float | None, blame: str) -> None:
    day = TODAY - DAY
    aged = product("desk/aged", age=30)
    known = {
        SALES: made([*days_before(4, 6)[:-1], *([at(input_at, day)] if input_at else ())]),
        aged: made([at(3, day - DAY), at(13, day)], "crew/sales"),
    }
    known[SALES] = [each for each in known[SALES] if each.at < at(3, day - DAY) or each.at > day]
    found = {e.product: e for e in ledger(known, first=day)}["desk/aged"]
    assert (found.state, found.late, found.delivered) == ("late", 4 * HOUR, at(13, day))
    assert found.blame == blame


def test_an_input_is_not_to_blame_for_an_age_if_it_had_a_new_version() -> None:
    """The version of yesterday evening was late, and that of today is missing."""
    day, aged = TODAY - DAY, product("desk/aged", age=30)
    sales = [*days_before(4, 6)[:-2], at(20, day - DAY)]
    known = {SALES: made(sales), aged: made([at(3, day - DAY), at(13, day)], "crew/sales")}
    found = {e.product: e for e in ledger(known, first=day)}["desk/aged"]
    assert (found.state, found.blame) == ("late", "desk/aged")


def test_an_input_that_kept_its_promise_is_not_to_blame() -> None:
    """It was there a minute before its reader had to be."""
    close = product("crew/close", "59 5 * * *")
    known = {
        close: made([*days_before(4), at(5.98, TODAY - DAY)]),
        REPORT: made(days_before(5)[:-1], "crew/close"),
    }
    known[close] = [each for each in known[close] if each.at != at(4, TODAY - DAY)]
    found = {e.product: e for e in ledger(known)}
    assert (found["crew/close"].state, found["desk/report"].blame) == ("kept", "desk/report")


def test_an_input_that_was_too_old_again_is_to_blame() -> None:
    """It was there after midnight, and too old until then and before six."""
    aged = product("shop/aged", age=5.5)
    known = {
        aged: made([TODAY - 2 * DAY, at(0.25, TODAY - DAY)]),
        REPORT: made(days_before(5)[:-1], "shop/aged"),
    }
    found = {e.product: e for e in ledger(known)}
    assert (found["desk/report"].state, found["desk/report"].blame) == ("missed", "shop/aged")


def test_an_aged_input_is_to_blame_while_it_is_too_old() -> None:
    aged = product("shop/aged", age=24)
    before = [at(5) - n * DAY for n in range(9, 1, -1)]
    known = {aged: made(before), REPORT: made(before, "shop/aged")}
    found = {e.product: e for e in ledger(known)}
    assert (found["shop/aged"].state, found["shop/aged"].blame) == ("missed", "shop/aged")
    assert (found["desk/report"].state, found["desk/report"].blame) == ("missed", "shop/aged")


def test_inputs_that_changed_their_direction_end_no_night() -> None:
    """A was made from B, and B is now made from A."""
    known = {SALES: made([LONG_AGO], "desk/report"), REPORT: made([LONG_AGO], "crew/sales")}
    assert {e.blame for e in ledger(known)} <= {"crew/sales", "desk/report"}


# The nights that can be judged.


def event(own: DataProduct, when: datetime, version: int = 1) -> Materialization:
    return Materialization(own.id, when, "run", version, inputs={})


def nights(products: Sequence[DataProduct], found: Deliveries) -> Nights:
    result = Nights(Path("/nowhere"), products, TODAY.date())
    result.__dict__["_deliveries"] = found
    return result


def test_the_first_night_enters_what_is_known_alone() -> None:
    begin = TODAY - 5 * DAY + 4.5 * HOUR
    found = deliveries([event(SALES, begin + 4 * DAY)], [event(SALES, begin + n * DAY) for n in range(5)])
    first = nights([SALES], found)
    assert [*first.days()] == [(begin + n * DAY).date() for n in range(1, 5)]
    entries = [entry for day in first.days() for entry in first.entries(day)]
    assert [e.state for e in entries] == ["kept"] * len(entries) != []
    assert [*nights([SALES], deliveries([], [])).days()] == [(TODAY - DAY).date()]
    assert nights([SALES], deliveries([], [])).entries((TODAY - DAY).date()) == []


def test_a_ledger_that_was_not_made_for_long_catches_up_for_28_days() -> None:
    found = deliveries([], [event(SALES, at(4.5) - n * DAY) for n in range(60)])
    assert len([*nights([SALES], found).days()]) == BACK == 28


def test_a_product_that_was_not_made_since_a_purge_hides_no_purge() -> None:
    """The record of the last version outlives the log, and does not show that the log is whole."""
    aged, old = product("shop/aged", age=48), product("shop/old", age=24)
    purged = TODAY - 10 * DAY + 18 * HOUR
    found = deliveries(
        [event(old, TODAY - 60 * DAY), event(aged, at(5))], [event(aged, purged), event(aged, at(5))]
    )
    day = nights([aged, old], found).entries(purged.date())
    assert [e.product for e in day] == ["shop/old"]  # it is too old in any case


def test_a_removed_product_and_one_with_another_promise_leave_the_others_alone() -> None:
    times = days_before(4.5, 10)
    found = Deliveries(LONG_AGO, {SALES.id: made(times), REPORT.id: made(times, SALES.id)})
    both = entries([SALES, REPORT], found, TODAY.date())
    assert [e for e in both if e.product == REPORT.id] == entries([REPORT], found, TODAY.date())

    aged = product(SALES.id, age=24)
    (changed, other) = entries([aged, REPORT], found, TODAY.date())
    assert (changed.promise, other) == ("age", both[1])
    plain = replace(aged, maximum_age=None)  # it promises nothing any more
    assert entries([plain, REPORT], found, TODAY.date()) == [other]
