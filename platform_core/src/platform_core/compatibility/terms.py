"""Changes of a product's terms: kind, status, grants, service levels, partitions, model, people, texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from platform_core.compatibility.change import Change
from platform_core.contracts.model import DataProduct, Deadline, place_in
from platform_core.contracts.time_units import cron_days, cron_times
from platform_core.diagnostics import Place
from platform_core.odcs.masked_twin import MASKED
from platform_core.words import duration_in_words, listed

_TWO_YEARS: Final = (date(2023, 1, 1), date(2024, 12, 31))
"""With a leap day."""


def term_changes(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    """The changes of everything but columns and rules."""
    yield from _identity(old, new)
    yield from _status(old, new)
    yield from _grants(old, new)
    yield from _freshness(old, new)
    yield from _partitions(old, new)
    yield from _model(old, new)
    yield from _texts(old, new)


def _identity(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    if old.kind != new.kind:
        place = place_in(new, "/schema/0/physicalType")
        yield Change("K106", f"it was a {old.kind} and is a {new.kind}", place)
    if old.file != new.file:
        place = place_in(new, "/schema/0/physicalName")
        yield Change("K107", f"its file was {old.file or 'none'} and is {new.file or 'none'}", place)
    if old.restricted != new.restricted:
        place = next((c.place for c in new.columns if c.classification == "restricted"), new.place)
        words = f"it is now restricted to {new.domain}" if new.restricted else "it is not restricted any more"
        yield Change("K111" if new.restricted else "K311", words, place)
    if old.event_time != new.event_time:
        words = f"its event time was {old.event_time or 'none'} and is {new.event_time or 'none'}"
        yield Change("K114", words, place_in(new, "/schema"))


def _status(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    if old.status == new.status:
        return
    if new.status == "retired":
        code = "K318" if old.status == "deprecated" else "K117"
    elif new.status == "deprecated":
        code = "K317"
    else:
        code = "K217" if new.status != "active" and old.status in ("active", "deprecated") else "K318"
    yield Change(code, f"its status was {old.status} and is {new.status}", place_in(new, "/status"))


def _grants(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    before, after = ({g.role: g.place for g in each.grants if g.access == "read"} for each in (old, new))
    now = {grant.role: grant for grant in new.grants}
    for role in sorted(before.keys() - after.keys()):
        place = now[role].place if role in now else place_in(new, "/roles")
        yield Change("K110", f"{role} may not read any more", place, None, (role,))
    for role in sorted(after.keys() - before.keys()):
        yield Change("K310", f"{role} may read", after[role], None, (role,))
    others = [
        {(g.role, g.access) for g in each.grants if not {g.role} & {*before, *after} and g.access != MASKED}
        for each in (old, new)
    ]
    for role in sorted({role for role, _ in others[0] ^ others[1]}):
        yield Change("K442", f"the role {role} changed, which grants no reading", place_in(new, "/roles"))


def _freshness(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    one, two = old.deadline, new.deadline
    if one is not None and two is not None:
        (first, days), (second, days_after) = (_ticks(each) for each in (one, two))
        alike = days == days_after and one.timezone == two.timezone
        earlier = len(first) == len(second) and all(a >= b for a, b in zip(first, second, strict=True))
        better = alike and (earlier or set(first) <= set(second)) and two.lower_bound <= one.lower_bound
        if not alike or first != second or one.lower_bound != two.lower_bound:
            window = duration_in_words(two.lower_bound)
            message = f"the deadline is now {two.schedule} {two.timezone}, and the data {window} old at most"
            yield Change("K326" if better else "K226", message, two.place)
    elif one is not None or two is not None:
        message = "a deadline is declared" if two else "the deadline is removed"
        yield Change("K326" if two else "K226", message, two.place if two else _levels(new))
    before, after = old.maximum_age, new.maximum_age
    ages = [age.fail_after if age else None for age in (before, after)]
    yield from _span("maximum age", ("K228", "K328"), ages, after.place if after else _levels(new))
    if (before and before.warn_after) != (after and after.warn_after):
        yield Change("K442", "the warning before the maximum age moves", _levels(new))
    if old.retention != new.retention:
        spans = [old.retention, new.retention]
        yield from _span(
            "retention", ("K327", "K227") if all(spans) else ("K227", "K327"), spans, _levels(new)
        )


def _ticks(deadline: Deadline) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ticks of a day and the days: two texts may be one schedule."""
    return cron_times(deadline.schedule), tuple(cron_days(deadline.schedule, *_TWO_YEARS))


def _levels(product: DataProduct) -> Place:
    return place_in(product, "/slaProperties")


def _span(
    what: str, codes: tuple[str, str], spans: Sequence[timedelta | None], at: Place
) -> Iterator[Change]:
    """``codes``: of a longer span or none at all, and of a shorter or a new one."""
    one, two = spans
    if one != two:
        longer = two is None or (one is not None and two > one)
        words = [duration_in_words(span) if span else "open" for span in spans]
        yield Change(codes[0 if longer else 1], f"the {what} was {words[0]} and is {words[1]}", at)


def _partitions(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    one, two = old.partitions, new.partitions
    if one is None or two is None:
        if one is not two:
            words = "it has partitions now" if two else "it has no partitions any more"
            yield Change("K108", words, two.place if two else place_in(new, "/schema"))
        return
    if (one.column, one.every, one.timezone) != (two.column, two.every, two.timezone):
        words = f"its partitions are now each {two.every} of {two.column} in {two.timezone}"
        yield Change("K108", words, two.place)
    first, last = [one.start, two.start], [each.end or datetime.max for each in (one, two)]
    if first[1] > first[0] or last[1] < last[0]:
        yield Change("K109", "its partitions start later or end earlier", two.place)
    elif (first[0], last[0]) != (first[1], last[1]):
        yield Change("K309", "its partitions start earlier or end later", two.place)


def _model(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    one, two = old.signature, new.signature
    if one is None or two is None:
        return  # the kind changed
    features = [[(feature.name, feature.type) for feature in each.features] for each in (one, two)]
    if features[0] != features[1]:
        names = sorted({name for name, _ in {*features[0]} ^ {*features[1]}})
        words = f"its features changed: {listed(names)}" if names else "its features stand in another order"
        yield Change("K112", words, two.features[0].place)
    if one.target != two.target:
        yield Change("K113", f"its target was {one.target} and is {two.target}", two.place)
    if (one.metric, one.better) != (two.metric, two.better) or two.margin < one.margin:
        words = f"its metric was {one.metric} by {one.margin:g} and is {two.metric} by {two.margin:g}"
        yield Change("K232", words, two.place)
    elif two.margin > one.margin:
        yield Change("K332", f"it beats its baseline by {two.margin:g}", two.place)
    for code, types, words in (
        ("K235", {*two.trusted} - {*one.trusted}, "its file may hold"),
        ("K335", {*one.trusted} - {*two.trusted}, "its file does not hold"),
    ):
        if types:
            yield Change(code, f"{words} {listed(sorted(types))}", two.place)


def _texts(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    for name in ("purpose", "usage", "limitations"):
        if getattr(old, name) != getattr(new, name):
            yield Change(
                "K441", f"its {name} is described in other words", place_in(new, f"/description/{name}")
            )
    for name, at in (("owner", "/team/name"), ("tags", "/tags"), ("support", "/support")):
        one, two = getattr(old, name), getattr(new, name)
        if (one if name == "owner" else set(one)) != (two if name == "owner" else set(two)):
            yield Change("K442", f"its {name} changed", place_in(new, at))
