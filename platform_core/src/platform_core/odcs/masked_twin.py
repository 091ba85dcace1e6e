"""The masked twin of a product, whose contract follows from the contract of its parent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import Column, DataProduct, Grant, Mask, Masking, Rule
from platform_core.odcs.masks import bands, in_twin
from platform_core.odcs.rules.column_rules import join_name

MASKED: Final = "masked"
"""The ``access`` of a role that grants the twin instead of the product."""
_OF_SINGLE_ROWS: Final = frozenset({"accepted_values", "range", "length", "pattern"})


def masked_twin(parent: DataProduct) -> DataProduct:
    """The twin that a contract declares by ``maskedAs``.

    It has the parent's owner, promises and texts, the shown and the masked columns, and the rules that still
    apply. Two rules are its own: its files hold no raw value of a masked column, and no group is too small.
    Roles with ``access: masked`` may read it.

    Raises:
        ValueError: the parent has no masked twin.
    """
    masking = parent.masking
    if masking is None:
        raise ValueError(f"{parent.id} has no masked twin")
    columns = _columns(parent)
    names = frozenset(column.name for column in columns)
    partitions = parent.partitions
    if partitions is not None:
        cut = parent.column(partitions.column)
        # Groups are counted over the whole table, so a single partition could not be rebuilt.
        if masking.suppression is not None or cut is None or cut.mask is not None or cut.name not in names:
            partitions = None
    twin = replace(
        parent,
        name=masking.name,
        place=masking.place,
        kind="table",
        columns=columns,
        rules=(),
        purpose=f"The masked twin of `{parent.id}`, for readers outside of {parent.domain}.\n\n"
        + parent.purpose,
        usage=_usage(parent, columns),
        limitations=_limitations(parent, masking, names),
        grants=tuple(Grant(g.role, "read", g.place) for g in parent.grants if g.access == MASKED),
        partitions=partitions,
        masking=None,
        signature=None,
        file=None,
        event_time=None,
        ending=replace(parent.ending, successor=None) if parent.ending is not None else None,
        budget=None,
        twin_of=parent.id,
        remarks=(),
    )
    return replace(twin, rules=tuple(_rules(parent, twin, masking)))


def _columns(parent: DataProduct) -> tuple[Column, ...]:
    shown = tuple(_column(column) for column in parent.columns if in_twin(column))
    names = {column.name for column in shown}
    if all(name in names for name in parent.key):
        return shown
    # A part of a key does not identify rows.
    return tuple(replace(column, key_position=None) for column in shown)


def _column(column: Column) -> Column:
    mask = column.mask
    if mask is None:
        return column
    logical, physical = _type(column, mask)
    return replace(
        column,
        logical_type=logical,
        physical_type=physical,
        description=f"{column.description.rstrip().removesuffix('.')}: {treatment(mask)}.".removeprefix(": "),
        required=column.required and (mask.method != "redact" or logical == "string"),
        unique=column.unique and mask.method == "hash",
        classification=_classification(column, mask),
        tags=_tags(column, mask),
    )


def _type(column: Column, mask: Mask) -> tuple[str | None, str | None]:
    if mask.method == "redact":
        is_text = column.logical_type in (None, "string")
        return ("string", "VARCHAR") if is_text else (column.logical_type, column.physical_type)
    return ("date", "DATE") if mask.unit is not None else ("string", "VARCHAR")


def _classification(column: Column, mask: Mask) -> str | None:
    """At most confidential, or internal for a redacted column."""
    if mask.method == "redact" and column.classification in ("restricted", "confidential"):
        return "internal"
    return "confidential" if column.classification == "restricted" else column.classification


def _tags(column: Column, mask: Mask) -> tuple[str, ...]:
    """A hash of a personal value is a pseudonym; a generalized or redacted value is not personal."""
    rest = tuple(tag for tag in column.tags if tag not in ("personal", "pseudonymous"))
    if mask.method == "hash" and len(rest) < len(column.tags):
        return (*rest, "pseudonymous")
    return rest


def _rules(parent: DataProduct, twin: DataProduct, masking: Masking) -> Iterator[Rule]:
    for rule in parent.rules:
        if (kept := _rule(rule, parent, twin, masking)) is not None:
            yield kept
    for column in twin.columns:
        if column.mask is not None and (values := _labels(column.mask)):
            name = join_name("accepted_values", column.name)
            yield Rule(name, "accepted_values", column.mask.place, (column.name,), values=values)
    if (suppression := masking.suppression) is not None:
        yield Rule(
            join_name("group_size", *suppression.columns),
            "group_size",
            suppression.place,
            suppression.columns,
            description=f"At least {suppression.minimum} rows share each combination of "
            f"{', '.join(suppression.columns)}.",
            limits=Bounds(minimum=suppression.minimum),
        )
    hidden = tuple(column.name for column in parent.columns if _hidden(column))
    if hidden or any(column.mask for column in twin.columns):
        yield Rule(
            "no_raw_values",
            "no_raw_values",
            masking.place,
            hidden,
            description=f"The files hold no value of {parent.id} that is hashed, redacted or left out.",
        )
        yield Rule(
            "no_raw_values_before",
            "no_raw_values_before",
            masking.place,
            hidden,
            severity="warning",
            description="Neither do the files of earlier versions, which had other masks.",
        )


def _labels(mask: Mask) -> tuple[str, ...]:
    if mask.edges:
        return bands(mask)
    return tuple(dict.fromkeys([*(group for _, group in mask.groups), mask.other])) if mask.groups else ()


def _hidden(column: Column) -> bool:
    return not in_twin(column) or (column.mask is not None and column.mask.method != "generalize")


def _rule(rule: Rule, parent: DataProduct, twin: DataProduct, masking: Masking) -> Rule | None:
    fewer = masking.suppression is not None
    if rule.kind == "schema":
        return rule
    if rule.kind == "row_count":
        return _at_most(rule) if fewer else rule
    columns = [twin.column(name) for name in rule.columns]
    present = [column for column in columns if column is not None]
    if len(present) < len(columns) or not columns:
        return None
    if fewer and rule.allowed.unit == "percent":
        return None
    methods = {column.mask.method for column in present if column.mask is not None}
    match rule.kind:
        case "not_null":
            # The hash of a word for "missing" is another word.
            gone = any(c.mask and c.mask.method == "redact" and c.logical_type != "string" for c in present)
            return None if gone else replace(rule, missing_values=()) if methods else rule
        case "unique":
            return rule if methods <= {"hash"} else None
        case "reference":
            target = rule.reference
            return rule if target is not None and not methods and target.product != parent.id else None
        case "recency":
            return rule if not methods and not fewer else None
        case kind if kind in _OF_SINGLE_ROWS:
            return rule if not methods else None
    return None


def _at_most(rule: Rule) -> Rule | None:
    """The upper limit of a row count, since some rows are left out."""
    limits = rule.limits
    if limits is None or limits.outside or limits.unit == "percent":
        return None
    most = limits.equal if limits.equal is not None else limits.maximum
    if most is None:
        return None
    bounds = Bounds(maximum=most, maximum_exclusive=limits.maximum_exclusive)
    return replace(rule, limits=bounds, description="")


def treatment(mask: Mask) -> str:
    """The effect of a mask in words: ``hashed under the key household``."""
    if mask.method == "hash":
        return f"hashed under the key `{mask.key}`"
    if mask.method == "redact":
        return "redacted"
    if mask.method == "drop":
        return "left out"
    if mask.width is not None:
        return f"in bands of {mask.width:g}"
    if mask.edges:
        return f"in bands: {', '.join(bands(mask))}"
    if mask.unit is not None:
        return f"truncated to the {mask.unit}"
    if mask.prefix is not None:
        return f"the first {mask.prefix} letters" if mask.prefix > 1 else "the first letter"
    return "in groups: " + ", ".join(dict.fromkeys(name for _, name in mask.groups))


def _usage(parent: DataProduct, columns: tuple[Column, ...]) -> str:
    rows = [
        f"| `{column.name}` | {treatment(column.mask) if column.mask else 'unchanged'} |"
        for column in columns
    ]
    parts = ["\n".join([f"| column | of `{parent.id}` |", "|---|---|", *rows])]
    keys = sorted({column.mask.key for column in columns if column.mask and column.mask.key})
    if keys:
        named = " and ".join(f"`{key}`" for key in keys)
        parts.append(f"You can join products on hashes made with the same key version ({named}).")
    if parent.usage:
        parts.append(f"The usage of `{parent.id}`:\n\n{_cited(parent.usage)}")
    return "\n\n".join(parts)


def _limitations(parent: DataProduct, masking: Masking, names: frozenset[str]) -> str:
    notes = []
    gone = [column.name for column in parent.columns if column.name not in names]
    if gone:
        notes.append(f"- Left out: {', '.join(f'`{name}`' for name in gone)}.")
    if parent.key and not all(name in names for name in parent.key):
        notes.append("- It has no key, since key columns of its parent are left out.")
    if (suppression := masking.suppression) is not None:
        notes.append(
            f"- Rows are left out if fewer than {suppression.minimum} rows share their "
            f"{', '.join(f'`{name}`' for name in suppression.columns)}: counts and sums are lower than in "
            "its parent."
        )
    notes.append("- Masked data is not anonymous: a hash is a pseudonym.")
    if parent.limitations:
        notes.append(f"\nThe limitations of `{parent.id}`:\n\n{_cited(parent.limitations)}")
    return "\n".join(notes)


def _cited(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())
