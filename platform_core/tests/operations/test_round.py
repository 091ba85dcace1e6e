"""Rounds of the watch over a small mesh with real runs: who hears of what, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from operations.watched import BAD, WatchedShop, watched_shop

pytestmark = pytest.mark.full


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WatchedShop]:
    with watched_shop(tmp_path) as found:
        yield found


def test_owner_and_reader_hear_of_a_refusal_and_of_its_end(shop: WatchedShop) -> None:
    shop.round()
    assert shop.make("shop/sales", query=BAD) == [False]

    shop.round()

    (incident,) = shop.incidents()
    assert (incident["cause"], incident["kind"], incident["state"]) == ("shop/sales", "refused", "open")
    assert incident["columns"] == ["amount"]
    assert incident["affected"] == ["other/amounts"]
    assert shop.messages("shop") == ["shop/sales was not published: range__amount fails"]
    assert shop.messages("other") == ["shop/sales was not published: range__amount fails"]
    assert shop.messages("third") == []  # it does not read the amount

    shop.round()
    shop.make("shop/sales")
    shop.round()
    shop.round()

    assert shop.incidents() == []
    assert shop.messages("shop")[1:] == shop.messages("other")[1:] == ["shop/sales works again"]
    assert shop.messages("third") == []
    assert len({*shop.receiver.keys()}) == 4


def test_an_open_incident_is_repeated_until_somebody_answers(shop: WatchedShop) -> None:
    shop.round()
    shop.make("shop/sales", query=BAD)
    shop.round()
    for _ in range(3):
        shop.round(timedelta(hours=10))
    assert len(shop.messages("shop")) == 2
    assert len(shop.messages("other")) == 1
