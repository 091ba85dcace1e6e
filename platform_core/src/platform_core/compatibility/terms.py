"""Changes of a product's terms: kind, status, grants, service levels, partitions, model, people, texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from platform_core.compatibility.change import Change
from platform_core.contracts.budget import DEFAULT_TARGET
from platform_core.contracts.model import DataProduct, place_in
from platform_core.contracts.time_units import cron_days, cron_times
from platform_core.diagnostics import Place
from platform_core.odcs.masked_twin import MASKED
from platform_core.words import duration_in_words, listed

_FIELDS: Final = {
    "kind": ("K106", "/schema/0/physicalType"),
    "file": ("K107", "/schema/0/physicalName"),
    "event_time": ("K114", "/schema"),
    "purpose": ("K441", "/description/purpose"),
    "usage": ("K441", "/description/usage"),
    "limitations": ("K441", "/description/limitations"),
    "owner": ("K442", "/team/name"),
    "tags": ("K442", "/tags"),
    "support": ("K442", "/support"),
}
"""Fields of which any other value has the same code, with their place."""
_TWO_YEARS: Final = (date(2023, 1, 1), date(2024, 12, 31))
"""With a leap day."""


def term_changes(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    """The changes of everything but columns and rules."""
    for name, (code, pointer) in _FIELDS.items():
        one, two = getattr(old, name), getattr(new, name)
        if one != two and not (isinstance(one, tuple) and set(one) == set(two)):
            words = f"was {one or 'none'} and is {two or 'none'}" if code < "K2" else "changed"
            yield Change(code, f"its {name.replace('_', ' ')} {words}", place_in(new, pointer))
    if old.restricted != new.restricted:
        place = next((c.place for c in new.columns if c.classification == "restricted"), new.place)
        words = f"it is now restricted to {new.domain}" if new.restricted else "it is not restricted any more"
        yield Change("K111" if new.restricted else "K311", words, place)
    if old.status != new.status:
        words = f"its status was {old.status} and is {new.status}"
        yield Change(_status(old.status, new.status), words, place_in(new, "/status"))
    yield from _grants(old, new)
    yield from _freshness(old, new)
    yield from _partitions(old, new)
    yield from _model(old, new)
    yield from _ending(old, new)
    yield from _operation(old, new)


def _status(old: str, new: str) -> str:
    if new == "retired":
        return "K318" if old == "deprecated" else "K117"
    if new == "deprecated":
        return "K317"
    return "K217" if new != "active" and old in ("active", "deprecated") else "K318"


def _ending(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    one, two = old.ending, new.ending
    place = two.place if two is not None else new.place
    names = ("end_of_support", "end_of_life")
    before, after = ([getattr(each, name, None) for name in names] for each in (one, two))
    if before != after:
        # The first announcement breaks nobody; an earlier day takes time from those who counted on it.
        earlier = any(a and b and b < a for a, b in zip(before, after, strict=True))
        yield Change("K236" if earlier else "K336", "its end is announced for another day", place)
    old_one, new_one = getattr(one, "successor", None), getattr(two, "successor", None)
    if old_one != new_one:
        yield Change("K336", f"its successor was {old_one or 'none'} and is {new_one or 'none'}", place)


def _operation(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    at = place_in(new, "/customProperties")
    one, two = (DEFAULT_TARGET if each.target is None else each.target for each in (old, new))
    if one != two:
        words = f"the service level target was {one:g} % and is {two:g} %"
        yield Change("K237" if two < one else "K337", words, at)
    if old.budget != new.budget:
        yield Change("K442", "its budget changed", at)


def _grants(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    own = f"domain:{new.domain}"  # it may always read
    before, after = (
        {g.role: g.place for g in each.grants if g.access == "read" and g.role != own} for each in (old, new)
    )
    now = {grant.role: grant.place for grant in new.grants}
    for role in sorted(before.keys() ^ after.keys()):
        lost, place = role in before, now.get(role) or place_in(new, "/roles")
        words = f"{role} may {'not read any more' if lost else 'read'}"
        yield Change("K110" if lost else "K310", words, place, None, (role,))
    others = [{(g.role, g.access) for g in p.grants if g.access != MASKED} for p in (old, new)]
    if others[0] != others[1] and before.keys() == after.keys():
        yield Change("K442", "a role that grants no reading changed", place_in(new, "/roles"))


def _freshness(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    one, two, at = old.deadline, new.deadline, place_in(new, "/slaProperties")
    if one is not None and two is not None:
        first, second = (cron_times(each.schedule) for each in (one, two))
        days, days_after = ([*cron_days(each.schedule, *_TWO_YEARS)] for each in (one, two))
        alike = days == days_after and one.timezone == two.timezone  # two texts may be one schedule
        earlier = len(first) == len(second) and all(a >= b for a, b in zip(first, second, strict=True))
        better = alike and (earlier or set(first) <= set(second)) and two.lower_bound <= one.lower_bound
        if not alike or first != second or one.lower_bound != two.lower_bound:
            words = (
                f"{two.schedule} {two.timezone}, with data of the last {duration_in_words(two.lower_bound)}"
            )
            yield Change("K326" if better else "K226", f"the deadline is now {words}", two.place)
    elif one is not two:
        words = "declared" if two else "removed"
        yield Change("K326" if two else "K226", f"the deadline is {words}", two.place if two else at)
    before, after = old.maximum_age, new.maximum_age
    ages = (age.fail_after if age else None for age in (before, after))
    yield from _span("maximum age", ("K228", "K328"), *ages, at=after.place if after else at)
    if (before and before.warn_after) != (after and after.warn_after):
        yield Change("K442", "the warning before the maximum age moves", at)
    if old.retention != new.retention:
        codes = ("K327", "K227") if old.retention and new.retention else ("K227", "K327")
        names = (
            place for key, place in new.places.items() if re.fullmatch("/slaProperties/.*/property", key)
        )
        entry = next((place for place in names if "retention" in (place.source_line() or "")), at)
        yield from _span("retention", codes, old.retention, new.retention, at=entry)


def _span(
    what: str, codes: tuple[str, str], one: timedelta | None, two: timedelta | None, *, at: Place
) -> Iterator[Change]:
    """``codes``: of a longer span or none at all, and of a shorter or a new one."""
    if one != two:
        longer = two is None or (one is not None and two > one)
        words = [duration_in_words(span) if span else "open" for span in (one, two)]
        yield Change(codes[0 if longer else 1], f"the {what} was {words[0]} and is {words[1]}", at)


def _partitions(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    one, two = old.partitions, new.partitions
    place = two.place if two else place_in(new, "/schema")
    grids = [each and (each.column, each.every, each.timezone) for each in (one, two)]
    if grids[0] != grids[1]:
        words = f"each {two.every} of {two.column} in {two.timezone}" if two else "none"
        yield Change("K108", f"its partitions are now: {words}", place)
    if one is not None and two is not None:
        ends = [each.end or datetime.max for each in (one, two)]
        if two.start > one.start or ends[1] < ends[0]:
            yield Change("K109", "its partitions start later or end earlier", place)
        elif two.start < one.start or ends[1] > ends[0]:
            yield Change("K309", "its partitions start earlier or end later", place)


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
    if (one.metric, one.better, one.margin) != (two.metric, two.better, two.margin):
        more = (one.metric, one.better) == (two.metric, two.better) and two.margin > one.margin
        words = f"its metric was {one.metric} by {one.margin:g} and is {two.metric} by {two.margin:g}"
        yield Change("K332" if more else "K232", words, two.place)
    if set(one.trusted) != set(two.trusted):
        fewer = set(two.trusted) < set(one.trusted)
        yield Change("K335" if fewer else "K235", "its file may hold other types", two.place)
