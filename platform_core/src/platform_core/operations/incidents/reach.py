"""The readers that a wrong or missing column reaches, through the columns that each really uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from platform_core.fingerprint.made_from import QueryPrint
from platform_core.graph import ordered

ROWS: Final = ""
"""Stands for the rows among the columns of a reader."""
Part = Mapping[str, Mapping[str, Mapping[str, Iterable[str]]]]
"""The readers of a location, their columns or ROWS, and the columns that each uses of each input."""


def part_of(prints: Mapping[str, QueryPrint]) -> dict[str, Any]:
    """The part of a location by the fingerprints of its products, as JSON."""
    return {
        reader: {ROWS: _uses(each.rows.uses), **{c: _uses(s.uses) for c, s in each.columns.items()}}
        for reader, each in prints.items()
    }


def _uses(uses: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    return {source: sorted(columns) for source, columns in uses.items()}


@dataclass(frozen=True)
class Reached:
    """A reader that is reached: by an input of it, and by which columns of that; None for the rows."""

    product: str
    through: str
    columns: tuple[str, ...] | None


@dataclass
class Reach:
    """The graph of the mesh as its locations last showed it."""

    _parts: dict[str, Part] = field(default_factory=dict)
    _uses: dict[str, Mapping[str, Mapping[str, Iterable[str]]]] = field(default_factory=dict)
    _inputs: dict[str, frozenset[str]] = field(default_factory=dict)
    _readers: dict[str, list[str]] = field(default_factory=dict)
    _levels: dict[str, dict[str, int]] = field(default_factory=dict)
    _order: dict[str, int] = field(default_factory=dict)

    def show(self, location: str, part: Part) -> None:
        """Take the graph of a location, in place of the former one."""
        self._parts[location] = part
        self._uses = {reader: uses for each in self._parts.values() for reader, uses in each.items()}
        self._inputs = {
            reader: frozenset(source for uses in columns.values() for source in uses)
            for reader, columns in self._uses.items()
        }
        self._readers = {}
        for reader, inputs in self._inputs.items():
            for source in inputs:
                self._readers.setdefault(source, []).append(reader)
        self._levels, self._order = {}, {}

    @property
    def products(self) -> Iterable[str]:
        """The products of all locations that were shown."""
        return self._inputs

    def inputs(self, product: str) -> frozenset[str]:
        """The products and sources that it reads."""
        return self._inputs.get(product, frozenset())

    def upstream(self, product: str) -> Mapping[str, int]:
        """Everything that a product is made from, by the longest way to it."""
        if product not in self._levels:
            found: dict[str, int] = {}
            self._levels[product] = found  # of a cycle, while locations change one after the other
            for source in self.inputs(product):
                for name, level in {source: 0, **self.upstream(source)}.items():
                    found[name] = max(found.get(name, 0), level + 1)
            self._levels[product] = found
        return self._levels[product]

    def readers(self, cause: str, columns: frozenset[str] | None) -> dict[str, Reached]:
        """The products that wrong ``columns`` of a product or source reach; None: all of it is wrong."""
        if not self._order:
            self._order = {name: position for position, name in enumerate(ordered(self._inputs))}
        wrong: dict[str, frozenset[str]] = {cause: frozenset({ROWS}) if columns is None else columns}
        found: dict[str, Reached] = {}
        for reader in sorted(self._downstream(cause) & self._order.keys(), key=self._order.__getitem__):
            for source in sorted(wrong.keys() & self.inputs(reader)):
                hit, through = _hit(self._uses[reader], source, wrong[source])
                if hit:
                    wrong[reader] = wrong.get(reader, frozenset()) | hit
                    found.setdefault(reader, Reached(reader, source, through))
        return found

    def _downstream(self, cause: str) -> set[str]:
        """Everything that is made from a product or source."""
        found, waiting = set[str](), [cause]
        while waiting:
            new = {*self._readers.get(waiting.pop(), ())} - found - {cause}
            found |= new
            waiting += new
        return found

    def causes(self, product: str) -> dict[str, int]:
        """The possible causes of a late product, by their distance: its sources, inputs and locations."""
        found: dict[str, int] = {}
        for name, level in {product: 0, **self.upstream(product)}.items():
            for cause in (name, f"source:{name}", f"location:{name.partition('/')[0]}"):
                found[cause] = max(found.get(cause, 0), level)
        return found


def _hit(
    uses: Mapping[str, Mapping[str, Iterable[str]]], source: str, wrong: frozenset[str]
) -> tuple[frozenset[str], tuple[str, ...] | None]:
    every = ROWS in wrong
    hit = {
        column: met
        for column, own in uses.items()
        if source in own and (every or wrong & set(own[source]))
        for met in (wrong & set(own[source]),)
    }
    through = None if every else tuple(sorted({name for met in hit.values() for name in met}))
    return frozenset(hit), through
