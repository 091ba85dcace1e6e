"""The names that a query can use: the relations of its FROM clause, and those of the queries around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from platform_core.sql.quoting import fold

Use = Callable[[], None]
"""Called when a column is used; the relation decides what it marks."""


def unused_name() -> None:
    """The ``Use`` of a computed column: its expression has marked its parts already."""


@dataclass(frozen=True)
class Relation:
    """The columns of a table, a subquery or a CTE, in order. ``open``: it may have more columns (a table
    function, a computed column without a name), so an unknown name is not an error."""

    label: str
    columns: tuple[tuple[str, Use], ...] = ()
    open: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    def find(self, name: str) -> tuple[Use, ...]:
        wanted = fold(name)
        return tuple(use for column, use in self.columns if fold(column) == wanted)

    def use_all(self) -> None:
        for _, use in self.columns:
            use()

    def renamed(self, names: Sequence[str]) -> Relation:
        """``AS x(a, b)``: names match by position, so they use every column that they rename."""
        for _, use in self.columns[: len(names)]:
            use()
        covered = tuple((new, unused_name) for new in names)
        return replace(self, columns=covered + self.columns[len(names) :])


@dataclass
class Scope:
    """The names visible in one SELECT; ``parent`` is the query around it."""

    common: Mapping[str, Callable[[], Relation]]
    """CTEs by lower-case name, bound at their first use, because DuckDB ignores an unused one."""
    parent: Scope | None = None
    sources: list[tuple[str, Relation]] = field(default_factory=list)
    aliases: frozenset[str] = frozenset()
    """Lower-case aliases of the select list."""
    parameters: frozenset[str] = frozenset()
    """Lower-case parameters of the lambdas around an expression."""

    def levels(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def find(self, name: str) -> tuple[Use, ...]:
        """The columns called ``name`` at this level; several after a USING join."""
        return tuple(use for _, relation in self.sources for use in relation.find(name))

    def source(self, alias: str) -> Relation | None:
        wanted = fold(alias)
        return next((relation for name, relation in self.sources if fold(name) == wanted), None)

    @property
    def open(self) -> bool:
        return any(relation.open for _, relation in self.sources)
