"""The masked twin of a product: a product of its own, whose contract follows from its parent's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import Column, DataProduct, Grant, Mask, Masking, Rule
from platform_core.odcs.masks import bands, in_twin
from platform_core.odcs.rules.column_rules import join_name

MASKED: Final = "masked"
"""What a role's ``access`` says where it is granted the twin and not the product itself."""
_OF_SINGLE_ROWS: Final = frozenset({"accepted_values", "range", "length", "pattern"})


def masked_twin(parent: DataProduct) -> DataProduct:
    """The twin that a contract's ``maskedAs`` asks for.

    It has the parent's owner, promises and words, the columns that are shown or masked, the rules that
    still hold of them, and two of its own: no raw value of a masked column is in its files, and no group
    is smaller than it may be. Those whose role says ``access: masked`` may read it.

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
        # A group is counted over the whole table: one month of it alone could not be made anew.
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
        twin_of=parent.id,
        remarks=(),
    )
    return replace(twin, rules=tuple(_rules(parent, twin, masking)))


def _columns(parent: DataProduct) -> tuple[Column, ...]:
    shown = tuple(_column(column) for column in parent.columns if in_twin(column))
    names = {column.name for column in shown}
    if all(name in names for name in parent.key):
        return shown
    # What is left of a key tells no row from another.
    return tuple(replace(column, key_position=None) for column in shown)


def _column(column: Column) -> Column:
    mask = column.mask
    if mask is None:
        return column
    apart = mask.method == "hash"
    logical, physical = _type(column, mask)
    return replace(
        column,
        logical_type=logical,
        physical_type=physical,
        description=f"{column.description.rstrip().removesuffix('.')}: {treatment(mask)}.".removeprefix(": "),
        required=column.required and (mask.method != "redact" or logical == "string"),
        unique=column.unique and apart,
        classification=_classification(column, mask),
        tags=_tags(column, mask),
    )


def _type(column: Column, mask: Mask) -> tuple[str | None, str | None]:
    if mask.method == "redact":
        is_text = column.logical_type in (None, "string")
        return ("string", "VARCHAR") if is_text else (column.logical_type, column.physical_type)
    return ("date", "DATE") if mask.unit is not None else ("string", "VARCHAR")


def _classification(column: Column, mask: Mask) -> str | None:
    """At most confidential, or internal where nothing is left of the values."""
    if mask.method == "redact":
        return (
            "internal" if column.classification in ("restricted", "confidential") else column.classification
        )
    return "confidential" if column.classification == "restricted" else column.classification


def _tags(column: Column, mask: Mask) -> tuple[str, ...]:
    """A hash of what tells a person is a pseudonym; what is generalized or redacted tells nobody."""
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
            description=f"No value of {parent.id} that is hashed, redacted or left out is in the files.",
        )
        yield Rule(
            "no_raw_values_before",
            "no_raw_values_before",
            masking.place,
            hidden,
            severity="warning",
            description="Earlier versions that are still kept, made under other masks, hold none either.",
        )


def _labels(mask: Mask) -> tuple[str, ...]:
    """The only values that a generalized column can have; none where they are not known."""
    if mask.edges:
        return bands(mask)
    return tuple(dict.fromkeys([*(group for _, group in mask.groups), mask.other])) if mask.groups else ()


def _hidden(column: Column) -> bool:
    """Whether none of its values may be in the twin's files."""
    return not in_twin(column) or (column.mask is not None and column.mask.method != "generalize")


def _rule(rule: Rule, parent: DataProduct, twin: DataProduct, masking: Masking) -> Rule | None:
    """A rule of the parent as it holds of the twin; None where it need not hold."""
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
            # A hash of a word that means "missing" is no such word any more.
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
    """A count of rows where some are left out: only what bounds it from above."""
    limits = rule.limits
    if limits is None or limits.outside or limits.unit == "percent":
        return None
    most = limits.equal if limits.equal is not None else limits.maximum
    if most is None:
        return None
    bounds = Bounds(maximum=most, maximum_exclusive=limits.maximum_exclusive)
    return replace(rule, limits=bounds, description="")


def treatment(mask: Mask) -> str:
    """What a mask does, in words: ``hashed under the key household``."""
    if mask.method == "hash":
        return f"hashed under the key `{mask.key}`"
    if mask.method == "redact":
        return "redacted, so no value is left"
    if mask.method == "drop":
        return "left out"
    if mask.width is not None:
        return f"in bands of {mask.width:g}"
    if mask.edges:
        return f"in bands: {', '.join(bands(mask))}"
    if mask.unit is not None:
        return f"cut to the {mask.unit}"
    if mask.prefix is not None:
        return f"the first {mask.prefix} letters" if mask.prefix > 1 else "the first letter"
    return "in groups: " + ", ".join(dict.fromkeys(name for _, name in mask.groups))


def _usage(parent: DataProduct, columns: tuple[Column, ...]) -> str:
    rows = [
        f"| `{column.name}` | {treatment(column.mask) if column.mask else 'as it is'} |" for column in columns
    ]
    parts = ["\n".join([f"| column | of `{parent.id}` |", "|---|---|", *rows])]
    keys = sorted({column.mask.key for column in columns if column.mask and column.mask.key})
    if keys:
        named = " and ".join(f"`{key}`" for key in keys)
        parts.append(
            f"Equal values have equal hashes in every product that hashes under the same key ({named}), so "
            "these can be joined, until the key is rotated and the twins are made anew."
        )
    if parent.usage:
        parts.append(f"What `{parent.id}` says of its use:\n\n{_cited(parent.usage)}")
    return "\n\n".join(parts)


def _limitations(parent: DataProduct, masking: Masking, names: frozenset[str]) -> str:
    said = []
    gone = [column.name for column in parent.columns if column.name not in names]
    if gone:
        said.append(f"- Left out: {', '.join(f'`{name}`' for name in gone)}.")
    if parent.key and not all(name in names for name in parent.key):
        said.append("- It has no key: that of its parent is left out.")
    if (suppression := masking.suppression) is not None:
        said.append(
            f"- Rows are left out whose {', '.join(f'`{name}`' for name in suppression.columns)} fewer than "
            f"{suppression.minimum} rows share, so counts and sums are below those of its parent."
        )
    said.append(
        "- Masks keep people from being recognised, they do not make them anonymous: a hash is a pseudonym."
    )
    if parent.limitations:
        said.append(f"\nWhat `{parent.id}` says of its limits:\n\n{_cited(parent.limitations)}")
    return "\n".join(said)


def _cited(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())
