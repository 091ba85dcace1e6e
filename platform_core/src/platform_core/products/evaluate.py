"""A product's function on made-up inputs: for tests, and for a check before anything is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.registry import Registry
from platform_core.errors import Diagnostic, UsageError
from platform_core.product_id import ProductId
from platform_core.products.batch import Batch, yielded
from platform_core.products.bind import Argument, BoundInput, look_up, resolve_inputs
from platform_core.products.declare import ProductFunction
from platform_core.products.result import as_query
from platform_core.products.source import Source
from platform_core.products.table import Table, show
from platform_core.quality.audit import audit
from platform_core.quality.outcome import CheckOutcome
from platform_core.settings import mesh_root
from platform_core.sql.quoting import quoted
from platform_core.sql.types import duckdb_type
from platform_core.words import did_you_mean, listed

Rows = Sequence[Mapping[str, Any]]

# Rules that made-up rows can keep or break. The number of rows, foreign keys, ages and custom
# queries are about the real data as a whole.
JUDGED = frozenset({"schema", "not_null", "unique", "accepted_values", "range", "length", "pattern"})


@dataclass(frozen=True)
class Evaluation:
    """What a function made of its inputs, and which of its contract's rules the result keeps."""

    rows: list[dict[str, Any]]
    outcomes: tuple[CheckOutcome, ...]

    @property
    def failed(self) -> list[str]:
        """Names of the broken rules, in the contract's order."""
        return [outcome.rule.name for outcome in self.outcomes if not outcome.passed]


def evaluate(function: ProductFunction, /, **inputs: Any) -> Evaluation:
    """Call a product's function on made-up inputs and hold its result against its contract.

    Each input is a list of rows (dicts; columns left out are NULL), or an Arrow, Polars or pandas
    table; a source file that is no table is a ``pathlib.Path``; an inbox is a dict of these by batch id.
    Inputs that are left out are empty. Of a stream, all batches are judged together.
    Columns have the types of the input's contract. Judged are the rules about columns, single rows
    and keys.

    Raises:
        UsageError: U011 for an input or a column that does not exist.
        DefinitionError: where the function does not fit its declaration or returns no table.
    """
    domain = function.function.__module__.split(".")[0]
    registry = Registry.open(mesh_root(function.place.path.parent))
    product = look_up(registry, ProductId.of(domain, function.name), function.place)
    bound = resolve_inputs(function, registry)
    _known("input", inputs, list(function.inputs), function)
    with closing(duckdb.connect()) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        arguments: dict[str, Argument] = {}
        for name, read in bound.items():
            _fill(connection, name, read.product, inputs.get(name, []), function)
            arguments[name] = _narrow(connection, name, read, function)
        for name, source in function.sources.items():
            arguments[name] = _source(connection, name, source, inputs.get(name))
        result = function(**arguments)
        if product.kind == "stream" and isinstance(result, Iterator | list | Batch):
            result = [batch.made() for batch in yielded(result, product.id, function.place)]
            if not result:
                return Evaluation([], ())
        for number, made in enumerate(result if isinstance(result, list) else [result]):
            query = as_query(connection, made, product.id, function.place)
            write = "INSERT INTO __product BY NAME" if number else "CREATE TEMP TABLE __product AS"
            connection.execute(f"{write} {query}")
        judged = replace(product, rules=tuple(r for r in product.rules if r.kind in JUDGED))
        outcomes = audit(connection, judged, "__product", resolve=lambda _: None)
        cursor = connection.execute("SELECT * FROM __product")
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return Evaluation(rows, outcomes)


def _fill(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    product: DataProduct,
    given: Any,
    function: ProductFunction,
) -> None:
    """A table with the columns of the contract, holding the rows that were given."""
    columns = ", ".join(f"{quoted(c.name)} {duckdb_type(c)}" for c in product.columns)
    connection.execute(f"CREATE TEMP TABLE {quoted(f'__{name}')} ({columns})")
    known = [column.name for column in product.columns]
    if not isinstance(given, Sequence):
        connection.register("__given", given)
        connection.execute(f"INSERT INTO {quoted(f'__{name}')} BY NAME SELECT * FROM __given")
        connection.unregister("__given")
        return
    for row in given:
        _known("column", row, known, function)
        names, marks = ", ".join(map(quoted, row)), ", ".join("?" for _ in row)
        connection.execute(
            f"INSERT INTO {quoted(f'__{name}')} ({names}) VALUES ({marks})", list(row.values())
        )


def _narrow(
    connection: duckdb.DuckDBPyConnection, name: str, read: BoundInput, function: ProductFunction
) -> Table:
    columns = ", ".join(map(quoted, read.declared.columns)) if read.declared.columns else "*"
    return show(
        connection,
        name,
        f"SELECT {columns} FROM {quoted(f'__{name}')}",
        source=read.product.id,
        frames=read.declared.columns is not None,
        place=function.place,
    )


def _source(connection: duckdb.DuckDBPyConnection, name: str, source: Source, given: Any) -> Argument:
    if source.inbox:
        return _batches(connection, name, given or {})
    if isinstance(given, Path) or not source.tabular:
        return given if isinstance(given, Path) else source.locate()
    if given is None:
        return show(connection, name, f"{source.query()} LIMIT 0", source=source.name)
    if isinstance(given, Sequence):
        # The file's own types, so that a made-up row is read as a real one would be.
        connection.execute(f"CREATE TEMP TABLE {quoted(f'__{name}')} AS {source.query()} LIMIT 0")
        for row in given:
            names, marks = ", ".join(map(quoted, row)), ", ".join("?" for _ in row)
            connection.execute(
                f"INSERT INTO {quoted(f'__{name}')} ({names}) VALUES ({marks})", list(row.values())
            )
    else:
        connection.register(f"__{name}", given)
    return show(connection, name, f"SELECT * FROM {quoted(f'__{name}')}", source=source.name)


def _batches(connection: duckdb.DuckDBPyConnection, name: str, given: Mapping[str, Any]) -> list[Batch]:
    """The batches of an inbox: rows by file name, with the types of the first row's values."""
    batches = []
    for number, (batch, rows) in enumerate(given.items()):
        table = quoted(f"__{name}_{number}")
        if isinstance(rows, Sequence):
            first = ", ".join(f"? AS {quoted(column)}" for column in rows[0])
            connection.execute(f"CREATE TEMP TABLE {table} AS SELECT {first}", list(rows[0].values()))
            for row in rows[1:]:
                columns, marks = ", ".join(map(quoted, row)), ", ".join("?" for _ in row)
                connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))
        else:
            connection.register(f"__{name}_{number}", rows)
        batches.append(Batch(batch, f"SELECT * FROM {table}"))
    return batches


def _known(what: str, given: Mapping[str, Any], known: Sequence[str], function: ProductFunction) -> None:
    for name in given:
        if name not in known:
            raise UsageError(
                Diagnostic(
                    "U011",
                    f'"{function.name}" has no {what} "{name}"',
                    function.place,
                    expected=f"{what}s: {listed(list(known)) or 'none'}",
                    fix=did_you_mean(name, known),
                )
            )
