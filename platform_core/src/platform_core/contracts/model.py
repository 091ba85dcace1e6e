"""A data product as its contract describes it: frozen and complete, without YAML and without Dagster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from platform_core.contracts.bounds import NONE_ALLOWED, Bounds, Scalar
from platform_core.contracts.budget import Budget
from platform_core.contracts.ending import Ending
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, Place, Severity

Scope = Literal["product", "partition", "batch"]
RuleKind = Literal[
    "schema",
    "not_null",
    "unique",
    "accepted_values",
    "range",
    "length",
    "pattern",
    "row_count",
    "reference",
    "recency",
    "sql",
    "file",
    "baseline",
    "group_size",
    "no_raw_values",
    "no_raw_values_before",
    "disclosure",
    "together",
]
Grid = Literal["hour", "day", "week", "month"]
Kind = Literal["table", "file", "model", "stream"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BESIDE_THE_TABLE: frozenset[RuleKind] = frozenset(
    {"file", "baseline", "no_raw_values", "no_raw_values_before"}
)
"""Rules about a product's files, which the code that writes these files checks."""
MaskMethod = Literal["hash", "generalize", "redact", "drop"]
DateUnit = Literal["month", "quarter", "year"]


@dataclass(frozen=True, slots=True)
class Reference:
    """The target of a foreign key (ODCS ``relationships``)."""

    product: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One quality rule, independent of the engine that checks it.

    ``limits`` bound the value that ``kind`` is about: the column's own value for ``range``,
    its length in characters for ``length``, the number of rows for ``row_count``, the query's
    single number for ``sql``. ``allowed`` bounds the violations (rows, or percent of the rows)
    that still pass, for the kinds that count violations.
    """

    name: str
    """Name of the asset check, unique in the product, ``[A-Za-z0-9_]+``."""
    kind: RuleKind
    place: Place
    columns: tuple[str, ...] = ()
    severity: Severity = "error"
    scope: Scope = "product"
    description: str = ""
    allowed: Bounds = NONE_ALLOWED
    limits: Bounds | None = None
    values: tuple[Scalar, ...] = ()
    missing_values: tuple[Scalar, ...] = ()
    """For ``not_null``: values that count as missing like NULL (ODCS ``missingValues``)."""
    pattern: str | None = None
    """A regular expression that must match somewhere in the value, as in JSON Schema."""
    query: str | None = None
    """SQL returning one number; ``${table}``/``{table}`` and ``${column}`` are substituted."""
    reference: Reference | None = None
    maximum_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Mask:
    """The replacement of a column's values in the masked twin.

    ``key`` is the name of a hash's key. Values are generalized by one of: ``width`` or ``edges`` of bands of
    numbers, the ``unit`` to which dates are truncated, the ``prefix`` of texts in letters, or ``groups``,
    pairs of a text and its group, with ``other`` for every other text.
    """

    method: MaskMethod
    place: Place
    key: str | None = None
    width: int | float | None = None
    edges: tuple[int | float, ...] = ()
    unit: DateUnit | None = None
    prefix: int | None = None
    groups: tuple[tuple[str, str], ...] = ()
    other: str = "other"


@dataclass(frozen=True, slots=True)
class Suppression:
    """Rows are left out if fewer than ``minimum`` rows share their values of ``columns``."""

    minimum: int
    columns: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Masking:
    """The masked twin that a contract declares: its name, and the rows that are left out."""

    name: str
    place: Place
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the product's table (ODCS schema property)."""

    name: str
    place: Place
    logical_type: str | None = None
    physical_type: str | None = None
    """The DuckDB type in capitals where the contract names one."""
    description: str = ""
    required: bool = False
    unique: bool = False
    key_position: int | None = None
    """Position in the primary key, from 1."""
    classification: str | None = None
    tags: tuple[str, ...] = ()
    not_personal: str = ""
    """The declared reason why the column is not personal, in spite of its name; empty without one."""
    deprecated: bool = False
    """Whether readers should no longer use it."""
    mask: Mask | None = None
    """The column's mask in the masked twin; for a twin's own column, the applied mask."""

    @property
    def personal(self) -> bool:
        return "personal" in self.tags

    @property
    def shown_in_samples(self) -> bool:
        """Whether a value of this column may appear in a preview, a sample or a message."""
        return not self.personal and self.classification != "restricted"


def key_of(columns: Iterable[Column]) -> tuple[str, ...]:
    keyed = [column for column in columns if column.key_position is not None]
    return tuple(c.name for c in sorted(keyed, key=lambda c: c.key_position or 0))


@dataclass(frozen=True, slots=True)
class Deadline:
    """Refreshed by each tick of ``schedule``, at most ``lower_bound`` before it."""

    schedule: str
    lower_bound: timedelta
    timezone: str
    place: Place


@dataclass(frozen=True, slots=True)
class MaximumAge:
    """The data is never older than ``fail_after``; from ``warn_after`` on there is a warning."""

    fail_after: timedelta
    place: Place
    warn_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Partitions:
    """Time partitions of the table, by the time in ``column``.

    ``start`` is inclusive, ``end`` exclusive (None: open), both naive local times of ``timezone``.
    The column is compared as UTC where it is a TIMESTAMP without a zone.
    """

    column: str
    every: Grid
    start: datetime
    timezone: str
    place: Place
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """A column that a model is trained on; ``type`` in DuckDB's words, in capitals."""

    name: str
    type: str
    place: Place


@dataclass(frozen=True, slots=True)
class Signature:
    """The features of a model, its target, and the metric by which it must beat its baseline.

    The metric on the holdout must be better by at least ``margin``, or by any amount where ``margin`` is 0.
    ``trusted`` are types that the artifact may hold in addition to those that skops trusts.
    """

    target: str
    metric: str
    features: tuple[Feature, ...]
    place: Place
    margin: float = 0.0
    better: Literal["higher", "lower"] = "higher"
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Support:
    channel: str
    url: str | None = None
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A principal that may read (ODCS role): ``domain:<name>``, or a group such as ``analysts``."""

    role: str
    access: str
    place: Place


@dataclass(frozen=True)
class DataProduct:
    """A data product: the promises of its domain to its consumers."""

    domain: str
    name: str
    path: Path
    place: Place
    """The document's ``id``."""
    version: str
    status: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    owner: str | None = None
    """A team's slug in the federation's list, ``sales-analytics``, or a person's e-mail address."""
    purpose: str = ""
    usage: str = ""
    limitations: str = ""
    tags: tuple[str, ...] = ()
    kind: Kind = "table"
    """ODCS ``physicalType``; every kind of product has a table too."""
    file: str | None = None
    """The stable name of the file that is kept with the table (ODCS ``physicalName``)."""
    signature: Signature | None = None
    """The promises of a model."""
    support: tuple[Support, ...] = ()
    grants: tuple[Grant, ...] = ()
    deadline: Deadline | None = None
    maximum_age: MaximumAge | None = None
    retention: timedelta | None = None
    partitions: Partitions | None = None
    event_time: str | None = None
    """The column of a stream with the time of the event."""
    masking: Masking | None = None
    """The masked twin of this product."""
    ending: Ending | None = None
    """The announced end of this product."""
    target: float | None = None
    """The percentage of deliveries that must be in time; None for the default."""
    budget: Budget | None = None
    twin_of: str | None = None
    """The id of the parent, for a masked twin, which has no contract of its own."""
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)
    """The places of the contract's values by JSON pointer (``/team/name``); for policies."""
    remarks: tuple[Diagnostic, ...] = field(default=(), compare=False, repr=False)
    """The parts of a guest contract (one without our conventions) that the platform does not act on."""

    @cached_property
    def id(self) -> ProductId:
        """``<domain>/<product>``, which is also the asset key."""
        return ProductId.of(self.domain, self.name)

    @property
    def owned_by(self) -> str | None:
        """The owner as Dagster writes it: ``team:<slug>``, or the e-mail address."""
        return f"team:{self.owner}" if self.owner and "@" not in self.owner else self.owner

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The primary key's columns in their order; empty where none is declared."""
        return key_of(self.columns)

    @cached_property
    def restricted(self) -> bool:
        """Whether the table lives in the domain's restricted lake, which no other domain attaches."""
        return any(column.classification == "restricted" for column in self.columns)

    @cached_property
    def lake(self) -> str:
        """The lake that holds the table, also its alias in SQL."""
        return f"{self.domain}_restricted" if self.restricted else self.domain

    @cached_property
    def referenced(self) -> tuple[str, ...]:
        """Ids of the other products that foreign keys point to, sorted; they must be readable like inputs."""
        targets = {
            rule.reference.product for rule in self.rules if rule.reference and rule.kind != "together"
        }
        return tuple(sorted(targets - {self.id}))

    @property
    def compared(self) -> tuple[str, ...]:
        """Ids of the products of ``safeTogether``: the audit reads them, but no run waits for them."""
        return tuple(
            rule.reference.product for rule in self.rules if rule.reference and rule.kind == "together"
        )

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    def granted_to(self, principal: str) -> bool:
        """Whether a principal may read: the own domain always may, any other needs a grant."""
        if principal == f"domain:{self.domain}":
            return True
        return any(grant.role == principal and grant.access == "read" for grant in self.grants)


def place_in(product: DataProduct, *pointers: str) -> Place:
    """The place of the first value that the contract has, else of the product."""
    found = (product.places.get(pointer) for pointer in pointers)
    return next(filter(None, found), product.place)
