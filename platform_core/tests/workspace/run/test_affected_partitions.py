"""The downstream of a run over some partitions: the same time, the whole, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from platform_core.contracts.partitions import Window
from platform_core.diagnostics import UsageError
from platform_core.workspace.protocol import Asset
from platform_core.workspace.run.affected_partitions import affected
from platform_core.workspace.run.selection import parse_selection


def at(month: int) -> datetime:
    return datetime(2017 + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)


MONTHS = tuple(Window(f"2017-{month:02}-01", at(month), at(month + 1)) for month in range(1, 13))
DAYS = tuple(
    Window(f"{day:%Y-%m-%d}", day, day + timedelta(days=1))
    for day in (at(1) + timedelta(days=n) for n in range(365))
)
KEYS = tuple(window.key for window in MONTHS)
EVERY_DAY = tuple(window.key for window in DAYS)
LEDGER = ("sales/ledger",)
ASSETS = [
    Asset("sales/ledger", partitions=KEYS),
    Asset("sales/articles"),
    Asset("sales/stores", LEDGER),
    Asset("sales/net_sales", (*LEDGER, "sales/articles"), KEYS),
    Asset("sales/ranking", LEDGER, KEYS, all_of=LEDGER),
    Asset("sales/by_day", LEDGER, EVERY_DAY),
    Asset("hr/commissions", ("hr/staffing", "sales/net_sales"), KEYS),
    Asset("hr/staffing", ("sales/stores",)),
    Asset("hr/extract", ("sales/net_sales",), last_of=("sales/net_sales",)),
    Asset("hr/letter", ("hr/extract",)),
    Asset("marketing/placements", ("sales/stores",), checked_against=("sales/stores",)),
    Asset("marketing/untouched"),
]
GRIDS = {asset.key: DAYS if asset.partitions == EVERY_DAY else MONTHS for asset in ASSETS if asset.partitions}


def reached(words: str, asked: str) -> dict[str, tuple[str, ...] | None] | None:
    selection = parse_selection(words.split(), [asset.key for asset in ASSETS])
    return affected(selection, asked, {asset.key: asset for asset in ASSETS}, GRIDS)


MARCH = ("2017-03-01",)


def test_one_month_refreshes_only_its_downstream() -> None:
    found = reached("sales/ledger+", "2017-03-01")
    assert found is not None
    days = found.pop("sales/by_day")
    assert days is not None
    assert (days[0], days[-1], len(days)) == ("2017-03-01", "2017-03-31", 31)
    assert found == {
        "sales/ledger": MARCH,
        "sales/net_sales": MARCH,
        "hr/commissions": MARCH,
        # Each of its months looks at all months of the ledger.
        "sales/ranking": KEYS,
        "sales/stores": None,
        "hr/staffing": None,
    }


def test_the_last_month_affects_readers_of_the_last_partition() -> None:
    found = reached("sales/net_sales+", "2017-12-01")
    assert found == {
        "sales/net_sales": ("2017-12-01",),
        "hr/commissions": ("2017-12-01",),
        "hr/extract": None,
        "hr/letter": None,
    }
    assert set(reached("sales/net_sales+", "2017-11-01") or ()) == {"sales/net_sales", "hr/commissions"}
    assert set(reached("sales/net_sales+", "2017-11-01..2017-12-01") or ()) == set(found)


def test_a_range_stays_a_range() -> None:
    found = reached("sales/net_sales+", "2017-02-01..2017-03-01")
    assert found is not None
    assert found["hr/commissions"] == ("2017-02-01", "2017-03-01")


def test_days_of_a_month_widen_to_it_and_no_further() -> None:
    assets = {"d": Asset("a/d", partitions=EVERY_DAY), "m": Asset("a/m", ("a/d",), KEYS)}
    selection = parse_selection(["a/d+"], ["a/d", "a/m"])
    found = affected(
        selection,
        "2017-03-30..2017-04-02",
        {asset.key: asset for asset in assets.values()},
        {"a/d": DAYS, "a/m": MONTHS},
    )
    assert found is not None
    assert found["a/m"] == ("2017-03-01", "2017-04-01")


def test_a_product_that_is_also_named_keeps_its_keys() -> None:
    found = reached("sales/ledger+ sales/ranking marketing/untouched", "2017-03-01")
    assert found is not None
    assert found["sales/ranking"] == MARCH
    assert found["marketing/untouched"] is None


def test_an_unpartitioned_product_passes_on_the_same_time() -> None:
    found = reached("sales/ledger+ sales/articles+", "2017-03-01")
    assert found is not None
    assert (found["sales/articles"], found["sales/net_sales"]) == (None, MARCH)


def test_without_partitions_to_follow_nothing_is_resolved() -> None:
    assert reached("sales/articles+", "2017-03-01") is None


def test_upstream_is_included() -> None:
    found = reached("+hr/commissions+", "2017-03-01")
    assert found is not None
    assert set(found) == {
        "hr/commissions",
        "hr/staffing",
        "sales/articles",
        "sales/ledger",
        "sales/net_sales",
        "sales/stores",
    }
    assert found["sales/ledger"] == MARCH


def test_a_key_off_the_grid_is_refused() -> None:
    with pytest.raises(UsageError, match="U024"):
        reached("sales/ledger+", "2018-03-01")
