"""A product's function on made-up inputs: for tests, and for a check before anything is run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from platform_core.contracts.model import DataProduct, RuleKind
from platform_core.contracts.partitions import function_window
from platform_core.contracts.product_id import ProductId
from platform_core.lake.publication.column_fit import fitted
from platform_core.products.batch import Batch, yielded
from platform_core.products.declare import WINDOW, ProductFunction
from platform_core.products.inputs.bind import bind, in_memory
from platform_core.products.inputs.inbox import files_of
from platform_core.products.inputs.resolve import look_up, require_uses, resolve_inputs
from platform_core.products.inputs.rows import MadeUpRows, require_known
from platform_core.products.result import as_query, sql_faults
from platform_core.quality.audit import audit
from platform_core.quality.outcome import CheckOutcome
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root

# Rules that made-up rows can keep or break. The number of rows, foreign keys, ages and custom
# queries are about the real data as a whole.
JUDGED: frozenset[RuleKind] = frozenset(
    {"schema", "not_null", "unique", "accepted_values", "range", "length", "pattern"}
)
MADE = "__product"


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

    ``window`` is the key of a partition, or a list of keys, for a function that takes its run's window, which
    is empty by default.
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
    require_uses(product, function)
    keys = inputs.pop(WINDOW, ()) if function.windowed else ()
    window = function_window(product.partitions, [keys] if isinstance(keys, str) else keys)
    require_known("input", inputs, list(function.inputs), f'"{function.name}"', function.place)
    given = [path for path in inputs.values() if isinstance(path, Path)]
    with in_memory([*files_of(function.sources.values()), *given]) as connection:
        made_up = MadeUpRows(connection, inputs, function.place, window)
        arguments = bind(connection, function, bound, made_up)
        result = function(**arguments)
        if product.kind == "stream" and isinstance(result, Iterator | list | Batch):
            result = [batch.made() for batch in yielded(result, product.id, function.place)]
            if not result:
                return Evaluation([], ())
        for number, made in enumerate(result if isinstance(result, list) else [result]):
            query = as_query(connection, made, arguments, product.id, function.place).query
            write = f"INSERT INTO {MADE} BY NAME" if number else f"CREATE TEMP TABLE {MADE} AS"
            with sql_faults(product.id, function.place):
                fit = fitted(connection, product, query)
                with fit.refusals():
                    connection.execute(f"{write} {fit.query}")
        outcomes = judge(connection, product, MADE, JUDGED)
        cursor = connection.execute(f"FROM {MADE}")
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return Evaluation(rows, outcomes)


def judge(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, relation: str, kinds: Collection[RuleKind]
) -> tuple[CheckOutcome, ...]:
    """Which of a contract's rules of some kinds a relation keeps, in the contract's order."""
    rules = [rule for rule in product.rules if rule.kind in kinds]
    return audit(connection, rules, relation, product=product, resolve=lambda _: None)
