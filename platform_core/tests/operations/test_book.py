"""An incident has the faults of the last run; its end is for all that it reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from platform_core.operations.alerts.text import what_in_words
from platform_core.operations.incidents.book import Book, Incident
from platform_core.operations.incidents.signals import Signal

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
PART = {
    "other/amounts": {"total": {"shop/sales": ["amount"]}},
    "third/names": {"name": {"shop/sales": ["who"]}},
}


@pytest.fixture
def book() -> Book:
    return Book.replay([Signal.of("graph", "all", BEGIN, "graph", part=PART)])


def refuse(book: Book, run: str, hours: float, **columns: str) -> Incident:
    """A run in which rules fail, each by its name with its column; the open incident."""
    at = BEGIN + timedelta(hours=hours)
    for rule, column in columns.items():
        book.take(Signal.of("refused", "shop/sales", at, run, rule, run=run, rule=rule, columns=[column]))
    (incident,) = book.open
    return incident


def test_all_rules_of_a_run_are_one_incident(book: Book) -> None:
    incident = refuse(book, "one", 1, range__amount="amount", not_null__who="who")
    assert incident.columns == {"amount", "who"}
    assert what_in_words(incident) == "was not published: range__amount, not_null__who fail"
    assert book.affected(incident).keys() == {"other/amounts", "third/names"}


@pytest.mark.parametrize("repaired", [False, True])
def test_a_later_run_shows_its_own_faults(book: Book, repaired: bool) -> None:
    refuse(book, "one", 1, range__amount="amount", not_null__who="who")
    if repaired:
        book.take(Signal.of("published", "shop/sales", BEGIN + timedelta(hours=1.5), "good", version=2))
    incident = refuse(book, "two", 2, not_null__who="who")
    assert incident.reopened == int(repaired)
    assert incident.columns == {"who"}
    assert what_in_words(incident) == "was not published: not_null__who fails"
    assert book.affected(incident).keys() == {"third/names"}


def test_the_end_is_for_all_that_an_incident_reached(book: Book) -> None:
    refuse(book, "one", 1, range__amount="amount")
    incident = refuse(book, "two", 2, not_null__who="who")
    book.take(Signal.of("published", "shop/sales", BEGIN + timedelta(hours=3), "good", version=2))
    assert incident.resolved is not None
    assert book.affected(incident).keys() == {"other/amounts", "third/names"}
