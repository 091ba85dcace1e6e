"""Changes of a product's quality rules, apart from those that follow from another key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, get_args

from platform_core.compatibility.change import Change
from platform_core.compatibility.columns import remasked
from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import DataProduct, Rule, RuleKind, place_in
from platform_core.diagnostics import Severity
from platform_core.odcs.rules.column_rules import join_name

_DERIVED: Final[frozenset[RuleKind]] = frozenset(
    {"schema", "file", "baseline", "no_raw_values", "no_raw_values_before"}
)
_CODES: Final[dict[str, tuple[str, str]]] = {
    "accepted_values": ("K220", "K320"),
    "range": ("K221", "K321"),
    "length": ("K222", "K322"),
    "pattern": ("K223", "K323"),
    "reference": ("K234", "K334"),
    # A higher minimum leaves out more rows: here the stronger rule is the weaker promise.
    "group_size": ("K333", "K233"),
}
_ANY: Final = Bounds()
_OTHER: Final = ("K224", "K324")
_WARNS: Final = "K424"
_SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
_SCOPES: Final = ("product", "partition", "batch")
"""Each checks fewer rows than the one before."""


def rule_changes(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    """The changes of the rules on columns that both versions show alike."""
    pairs = ((one, new.column(one.name)) for one in old.columns)
    alike = frozenset(one.name for one, two in pairs if two is not None and not remasked(old, one, two))
    rules = _declared(old, alike), _declared(new, alike)
    names = {rule.name for rule in rules[0]} & {rule.name for rule in rules[1]}
    first, second = (_by_subject(each, names) for each in rules)
    for subject in dict.fromkeys((*first, *second)):
        before, after = first.get(subject), second.get(subject)
        if before is not None and after is not None:
            yield from _compared(before, after)
        elif after is not None:
            yield _change(_codes(after)[1], after, "is added")
        elif before is not None:
            yield replace(_change(_codes(before)[0], before, "is removed"), place=place_in(new, "/schema"))


def _declared(product: DataProduct, alike: frozenset[str]) -> list[Rule]:
    follows = {join_name("not_null", column.name) for column in product.columns if column.required}
    follows |= {join_name("unique", column.name) for column in product.columns if column.unique}
    follows |= {join_name("unique", *product.key)} if product.key else set()
    rules = (rule for rule in product.rules if rule.kind not in _DERIVED and rule.name not in follows)
    return [rule for rule in rules if alike.issuperset(rule.columns)]


def _by_subject(rules: list[Rule], names: set[str]) -> dict[str, Rule]:
    """The rules by their name where both versions have it, else by their subject: a rule may get a name."""
    found: dict[str, Rule] = {}
    for rule in rules:
        columns = () if rule.kind == "group_size" else rule.columns
        subject = rule.name if rule.name in names else f"{rule.kind}: {columns} {rule.query}"
        found[rule.name if subject in found else subject] = rule
    return found


def _codes(rule: Rule) -> tuple[str, str]:
    """The codes of a weaker and of a stronger rule."""
    return _CODES.get(rule.kind, _OTHER) if rule.severity == "error" else (_WARNS, _WARNS)


def _compared(before: Rule, after: Rule) -> Iterator[Change]:
    verdicts = _verdicts(before, after)
    if after.kind == "group_size" and before.columns != after.columns:
        yield _change("K233", after, "forms groups by other columns")
    elif -1 in verdicts:
        yield _change(_codes(before)[0], after, "is looser, or cannot be compared with the one before")
    elif 1 in verdicts:
        yield _change(_codes(after)[1], after, "is stronger")
    if before.severity != after.severity:
        lower = _SEVERITIES.index(after.severity) > _SEVERITIES.index(before.severity)
        words = f"was {before.severity} and is {after.severity}"
        yield _change("K225" if lower else "K325", after, words)
    texts = [(r.name, r.description) for r in (before, after) if r.kind != "recency"]  # of slaProperties
    if len(set(texts)) > 1:
        yield _change("K441", after, "has another name or description")


def _verdicts(before: Rule, after: Rule) -> set[int]:
    """-1 where a part of the new rule is weaker or cannot be compared, 1 where a part is stronger."""
    subjects = [(r.kind, r.columns, r.pattern, r.reference, _query(r)) for r in (before, after)]
    found = {0 if subjects[0] == subjects[1] else -1}
    for one, two in ((before.limits or _ANY, after.limits or _ANY), (before.allowed, after.allowed)):
        found.add(within(two, one) - within(one, two) if within(two, one) or within(one, two) else -1)
    values = set(before.values), set(after.values)
    missing = set(after.missing_values), set(before.missing_values)
    found |= {1 if large < small else -1 for small, large in (values, missing) if small != large}
    ages = [float("inf") if r.maximum_age is None else r.maximum_age.total_seconds() for r in (before, after)]
    ranks = [_SCOPES.index(rule.scope) for rule in (before, after)]
    return found | {(least > most) - (least < most) for least, most in (ages, ranks)}


def _query(rule: Rule) -> str:
    return " ".join((rule.query or "").split())


def _change(code: str, rule: Rule, words: str) -> Change:
    return Change(code, f"the rule {rule.name} {words}", rule.place, rule.columns or None)


def within(inner: Bounds, outer: Bounds) -> bool:
    """Whether every number that passes ``inner`` surely passes ``outer``; False where that is unknown."""
    apart = inner.unit != outer.unit or inner.outside or outer.outside or inner.special > outer.special
    if inner == outer or apart:
        return inner == outer
    try:
        if outer.step is not None and (inner.step is None or inner.step % outer.step):
            return False
        if inner.equal is not None:
            return outer.passes(inner.equal)
        if outer.not_equal not in (None, inner.not_equal) and inner.passes(outer.not_equal):
            return False
        low, high = ((each.minimum, each.minimum_exclusive) for each in (outer, inner))
        above = low[0] is None or (high[0] is not None and low <= high)
        low, high = ((each.maximum, not each.maximum_exclusive) for each in (inner, outer))
        below = high[0] is None or (low[0] is not None and low <= high)
        return outer.equal is None and above and below
    except TypeError:  # a time with a zone and one without, or a number and a text
        return False
