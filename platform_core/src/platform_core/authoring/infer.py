"""The inference of a contract from a word on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import duckdb

from platform_core.access.query import granted_products
from platform_core.authoring import data_files
from platform_core.authoring.conversions import Conversion, conversions, converted
from platform_core.authoring.draft import draft
from platform_core.authoring.foreign_keys import with_references
from platform_core.authoring.key_search import CANDIDATES
from platform_core.authoring.outside import read_outside, source_of
from platform_core.authoring.profile import profile
from platform_core.authoring.source_relation import Reader, Subject, find, opened
from platform_core.authoring.table_facts import ColumnFacts, TableFacts
from platform_core.contracts.model import Column
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.lake.lakes import current_lakes
from platform_core.odcs.columns import CLASSIFICATIONS
from platform_core.registry.lookup import Registry
from platform_core.source.federation import read_teams
from platform_core.sql.columns import columns_used
from platform_core.sql.parser import parse, written
from platform_core.words import counted

WIDE = 500
_READ: Final = '"__read"'


@dataclass(frozen=True)
class Inferred:
    """A contract's text, its facts and its warnings."""

    text: str
    name: str
    facts: TableFacts
    subject: Subject
    renamed: dict[str, str]
    warnings: tuple[Diagnostic, ...] = ()
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    """The conversions in the product's function, by column."""
    origins: Mapping[str, Sequence[Column]] = field(default_factory=dict)
    """The columns of granted inputs behind each column."""


def infer(
    words: str,
    registry: Registry,
    root: Path,
    *,
    product: str | None = None,
    columns: Sequence[str] | None = None,
) -> Inferred:
    """Infer a contract from a file, a product, a lake's table, a query, a dbt model or an outside source.

    ``product`` is the id of the new product, whose domain reads the data. Without it, the reader is
    ``analysts``, for a product its own domain. ``columns`` are the names for a CSV file without any.

    Raises:
        UsageError: U060 to U069, U040.
        PlatformError: the errors of reading products, such as R020 for one that was never published, and of
            sources, S001 to S029.
    """
    location, source = current_lakes(root), source_of(words)
    with ExitStack() as stack:
        outside = stack.enter_context(read_outside(source, location)) if source is not None else None
        subject = find(words, registry, location, root, outside)
        own = product or (subject.product.id if subject.product else None)
        principal = f"domain:{ProductId(own).domain}" if own else "analysts"
        name = ProductId(own).name if own else subject.name
        reader = Reader(principal, registry, location, root)
        data = stack.enter_context(opened(subject, reader, own=own, columns=columns))
        # Data from a lake needs no conversion.
        read = conversions(data.connection, data.relation) if subject.kind in ("file", "sql") else {}
        data.connection.execute(f"CREATE TEMP VIEW {_READ} AS {converted(data.relation, read)}")
        facts = profile(data.connection, _READ)
        if facts.rows == 0:
            raise data_files.no_rows(subject.words)
        found = with_references(data.connection, _READ, facts.columns, data.pairs, data.targets)
        remarks = {name: (each.remark,) for name, each in read.items()}
        marked = (replace(c, remarks=(*remarks.get(c.name, ()), *c.remarks)) for c in found)
        origins = _origins(subject, reader, facts, data.columns)
        facts = replace(facts, columns=tuple(_inherited(c, origins.get(c.name, ())) for c in marked))
        text = draft(facts, own, name, subject.words, data.columns, _only_team(own, root))
    warnings = tuple(_warnings(subject, facts))
    return Inferred(text, name, facts, subject, dict(data.columns), warnings, read, origins)


def _only_team(product: str | None, root: Path) -> str | None:
    """The team of a product's domain, if there is only one."""
    teams = read_teams(root).teams.values() if product else ()
    [*found] = (team.slug for team in teams if team.domain == ProductId(product or "").domain)
    return found[0] if len(found) == 1 else None


def _origins(
    subject: Subject, reader: Reader, facts: TableFacts, renamed: Mapping[str, str]
) -> dict[str, list[Column]]:
    """The columns of granted inputs behind each column of a product or a query. Columns that filter or group
    the rows count only for a column of their name, and for one without others."""
    if subject.product is not None:
        return {column.name: [column] for column in subject.product.columns}
    if subject.sql is None:
        return {}
    products = granted_products(subject.sql, reader.principal, reader.registry, reader.root).values()
    tables = {name: product for product in products for name in (product.id.in_sql, product.id)}
    columns = {name: {c.name: c for c in product.columns} for name, product in tables.items()}

    def behind(sql: str) -> set[tuple[str, str]]:
        used = columns_used(sql, {name: tuple(known) for name, known in columns.items()})
        return {(table, name) for table, names in used.items() for name in names}

    found: dict[str, list[Column]] = {}
    try:
        without, *alone = _one_by_one(subject.sql, len(facts.columns))
        rows = behind(without)
        for column, query in zip(facts.columns, alone, strict=True):
            name, used = renamed.get(column.name, column.name), sorted(behind(query))
            own = [columns[t][c] for t, c in used if c == name or (t, c) not in rows]
            found[column.name] = own or [columns[t][c] for t, c in used]
    except (PlatformError, duckdb.Error):
        return {}  # SQL whose columns depend on more than names
    return found


def _one_by_one(sql: str, count: int) -> list[str]:
    """The query without columns, and with each column alone; the whole of it, for each, where its SELECT does
    not name them."""
    query = next(iter(parse(sql) or ()), None)
    items = (query or {}).get("select_list", ())
    if query is None or len(items) != count or any(item["class"] == "STAR" for item in items):
        return [sql] * (count + 1)
    [constant] = (parse("SELECT 1") or ({},))[0]["select_list"]
    return [written({**query, "select_list": [item]}) for item in (constant, *items)]


def _inherited(column: ColumnFacts, origins: Sequence[Column]) -> ColumnFacts:
    known = [origin.classification for origin in origins if origin.classification in CLASSIFICATIONS]
    same = [origin for origin in origins if origin.name == column.name]
    if not known and not same:
        return column
    alone = same[0] if len(same) == 1 else None
    return replace(
        column,
        classification=max(known, key=CLASSIFICATIONS.index) if known else None,
        description=(alone.description or None) if alone else None,
        tags=tuple(sorted({tag for o in same for tag in o.tags if tag in ("personal", "pseudonymous")})),
        not_personal=column.not_personal or (alone.not_personal or None if alone else None),
    )


def _warnings(subject: Subject, facts: TableFacts) -> list[Diagnostic]:
    found = []
    mixed = [column for column in facts.columns if any(r.startswith("mixed") for r in column.remarks)]
    if mixed:
        message = f"{subject.words} mixes types in {counted(len(mixed), 'column')}, read as text"
        lines = [
            f"{column.name}: {each.removeprefix('mixed: ')}" for column in mixed for each in column.remarks
        ]
        fix = "Correct the values, or cast or remove them in the product's function."
        found.append(Diagnostic("U064", message, None, "\n".join(lines), fix, "warning"))
    if len(facts.columns) > WIDE:
        message = f"{subject.words} has {len(facts.columns):,} columns"
        message += f"; keys of several columns were searched among {CANDIDATES} of them"
        expected = f"at most {WIDE} columns"
        fix = "Turn columns into rows (UNPIVOT), or remove unused columns."
        found.append(Diagnostic("U065", message, None, expected, fix, "warning"))
    return found
