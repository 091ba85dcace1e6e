"""News of products without an incident: contracts, announced ends, waivers, budgets, and ages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from platform_core.contracts.budget import Budget
from platform_core.contracts.model import DataProduct
from platform_core.governance.facts import MeshFacts
from platform_core.governance.policies.change import readers_of
from platform_core.operations.incidents.signals import Signal
from platform_core.words import counted, duration_in_words, listed

NOTICE: Final = (30, 7, 1)
"""The days before an end on which its readers or owners hear of it."""
TICK: Final = timedelta(minutes=1)
"""Automation has this time to make a product that is about to be too old, before anybody hears of it."""


def contract_news(
    known: Mapping[str, str], products: Mapping[str, DataProduct], now: datetime
) -> Iterator[Signal]:
    """The contracts with another version than the known one."""
    for name, product in products.items():
        before = known.get(name)
        if before is not None and before != product.version:
            shown = {"version": f"{product.version}, after {before}"}
            yield Signal.of("contract", name, now, before, product.version, shown=shown)


def endings(mesh: MeshFacts, now: datetime) -> Iterator[Signal]:
    """The products that end soon and still have readers."""
    for product in mesh.products.values():
        ending = product.ending
        if ending is None or ending.last_day is None:
            continue
        days = _notice(ending.last_day, now.date())
        readers = sorted({read.reader for read in readers_of(mesh, product)}) if days else []
        if readers:
            shown = {"ends on": str(ending.last_day), "readers": listed(readers)}
            shown |= {"successor": ending.successor} if ending.successor else {}
            identity = (str(ending.last_day), str(days))
            yield Signal.of("deprecated", product.id, now, *identity, shown=shown, readers=readers)


def waivers(mesh: MeshFacts, now: datetime) -> Iterator[Signal]:
    """The waivers that expire soon."""
    for waiver in mesh.federation.waivers:
        if days := _notice(date.fromisoformat(waiver.expires), now.date()):
            shown = {"policy": waiver.code, "expires": waiver.expires}
            yield Signal.of(
                "waiver", waiver.product, now, waiver.code, waiver.expires, str(days), shown=shown
            )


def _notice(end: date, today: date) -> int | None:
    """The smallest number of days of notice that has begun; None before the first, and after the end."""
    left = (end - today).days
    return min((days for days in NOTICE if left <= days), default=None) if left >= 0 else None


def month_of(now: datetime) -> datetime:
    """The beginning of a month, in UTC."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def add_spent(before: Mapping[str, Any] | None, new: Iterable[Signal], now: datetime) -> dict[str, Any]:
    """The cost of the runs of this month, with those of new publications: the month, and seconds and bytes by
    product."""
    month = f"{now:%Y-%m}"
    same = before is not None and before["month"] == month
    products = dict(before["products"]) if same and before is not None else {}
    for signal in new:
        if signal.kind == "published" and f"{signal.at:%Y-%m}" == month:
            seconds, read = products.get(signal.subject, (0.0, 0))
            more = (signal.facts["seconds"] or 0.0, signal.facts["bytes"] or 0)
            products[signal.subject] = [seconds + more[0], read + more[1]]
    return {"month": month, "products": products}


def budgets(
    spent: Mapping[str, Any], products: Mapping[str, DataProduct], default: Budget, now: datetime
) -> Iterator[Signal]:
    """The products whose runs of this month took more seconds, or read more bytes, than their budget."""
    for name, (seconds, read) in spent["products"].items():
        if (product := products.get(name)) is None:
            continue
        own = product.budget or default
        month = spent["month"]
        if own.seconds is not None and seconds > own.seconds:
            shown = {"run seconds": f"{seconds:,.0f} of {own.seconds:,.0f} in {month}"}
            yield Signal.of("budget", name, now, f"{month} seconds", shown=shown)
        if own.bytes is not None and read > own.bytes:
            shown = {"read": f"{counted(read, 'byte')} of {own.bytes:,} in {month}"}
            yield Signal.of("budget", name, now, f"{month} bytes", shown=shown)


def ageing(product: DataProduct, made: datetime, now: datetime) -> Iterator[Signal]:
    """The warning of a product that is about to be too old, unless automation makes it first."""
    age = product.maximum_age
    if age is None or age.warn_after is None or product.deadline is not None:
        return
    if age.warn_after + TICK <= now - made < age.fail_after:
        ages = [duration_in_words(each) for each in (age.warn_after, age.fail_after)]
        shown = {"age": f"more than {ages[0]}, at most {ages[1]}"}
        what = "is about to be too old"
        yield Signal.of("warned", product.id, now, "age", made.isoformat(), shown=shown, what=what)
