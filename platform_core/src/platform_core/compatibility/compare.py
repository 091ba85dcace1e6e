"""The changes between two versions of a contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from platform_core.compatibility.change import Change, Grade
from platform_core.compatibility.columns import column_changes
from platform_core.compatibility.document import document_changes
from platform_core.compatibility.rules import rule_changes
from platform_core.compatibility.terms import term_changes
from platform_core.contracts.model import DataProduct
from platform_core.odcs.masked_twin import masked_twin


def changes(old: DataProduct, new: DataProduct) -> tuple[Change, ...]:
    """The changes that a new version makes, the worst first, at their places in the new contract.

    The comparison of two parents reports everything once: ``twin`` marks the changes that readers of the
    masked twin alone notice. The comparison of two twins reports all that their readers notice, marked so.
    """
    found = [*_changes(old, new)]
    if old.twin_of is not None and new.twin_of is not None:
        found = [replace(change, twin=True) for change in found]
    else:
        found += _of_twin(old, new, found)
        found += document_changes(old, new)
    return tuple(sorted(dict.fromkeys(found), key=lambda c: (-c.grade, c.code, c.place.line, c.message)))


def _changes(old: DataProduct, new: DataProduct) -> Iterator[Change]:
    yield from column_changes(old, new)
    yield from rule_changes(old, new)
    yield from term_changes(old, new)


def _of_twin(old: DataProduct, new: DataProduct, found: Iterable[Change]) -> Iterator[Change]:
    """The changes of the twin that do not repeat one of its parent."""
    one, two = old.masking, new.masking
    if one is None or two is None or one.name != two.name:
        if one is not None:
            words = f"is now {two.name}" if two else "is removed"
            yield Change(
                "K115", f"the masked twin {one.name} {words}", two.place if two else new.place, twin=True
            )
        elif two is not None:
            yield Change("K315", f"the masked twin {two.name} is added", two.place, twin=True)
        return
    known = {(change.code, change.columns, change.roles) for change in found}
    for change in _changes(masked_twin(old), masked_twin(new)):
        if change.grade > Grade.NEUTRAL and (change.code, change.columns, change.roles) not in known:
            yield replace(change, twin=True)
