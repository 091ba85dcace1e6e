"""A product's function on made-up inputs: for tests, and for a check before a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from platform_core.contracts.model import DataProduct, RuleKind
from platform_core.contracts.partitions import function_window
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import UsageError
from platform_core.lake.publication.column_fit import fitted
from platform_core.products.batch import Batch, yielded
from platform_core.products.declare import WINDOW, ProductFunction
from platform_core.products.inputs.bind import bind, in_memory
from platform_core.products.inputs.inbox import files_of
from platform_core.products.inputs.resolve import look_up, require_uses, resolve_inputs
from platform_core.products.inputs.rows import MadeUpRows
from platform_core.products.makers.lookup import find_maker
from platform_core.products.result import as_query, sql_faults
from platform_core.quality.audit import audit
from platform_core.quality.outcome import CheckOutcome
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import require_known, unknown_product
from platform_core.settings import mesh_root

# Rules that apply to made-up rows: the number of rows, foreign keys, ages and queries need the real data.
JUDGED: frozenset[RuleKind] = frozenset(
    {"schema", "not_null", "unique", "accepted_values", "range", "length", "pattern"}
)
MADE = "__product"


@dataclass(frozen=True)
class Evaluation:
    """The rows that a function returned, and the outcomes of its contract's rules."""

    rows: list[dict[str, Any]]
    outcomes: tuple[CheckOutcome, ...]

    @property
    def failed(self) -> list[str]:
        """The names of the broken rules, in the contract's order."""
        return [outcome.rule.name for outcome in self.outcomes if not outcome.passed]


def evaluate(function: ProductFunction | str, /, **inputs: Any) -> Evaluation:
    """Call a product's function on made-up inputs and check the result against its contract. The function is
    the decorated one, or for a Component the id of its product.

    Each input is a list of rows (dicts; missing columns are NULL), or an Arrow, Polars or pandas table, with
    the types of the input's contract; a source file that is not a table is a ``pathlib.Path``; an inbox is a
    dict of these by batch id. Missing inputs are empty. ``window`` is the key of a partition, or a list of
    keys, for a function that takes its run's window; by default it is empty. The batches of a stream are
    checked together. Rules about columns, single rows and keys are checked.

    Raises UsageError U011 for an unknown input or column, U043 for an unknown product; DefinitionError if the
    function does not fit its declaration or does not return a table.
    """
    if isinstance(function, str):
        name, root = ProductId(function), mesh_root()
        if (found := find_maker(name, root)) is None:
            raise UsageError(unknown_product(name, Registry.open(root).names()))
        function = found
    registry = Registry.open(mesh_root(function.place.path.parent))
    product = look_up(registry, ProductId.of(function.domain, function.name), function.place)
    bound = resolve_inputs(function, registry)
    require_uses(product, function)
    keys = inputs.pop(WINDOW, ()) if function.windowed else ()
    window = function_window(product.partitions, [keys] if isinstance(keys, str) else keys)
    require_known("input", inputs, list(function.inputs), f'"{function.name}"', function.place)
    given = [path for path in inputs.values() if isinstance(path, Path)]
    with (
        in_memory([*files_of(function.sources.values()), *given]) as connection,
        TemporaryDirectory() as room,
    ):
        made_up = MadeUpRows(connection, inputs, function.place, window)
        arguments = bind(connection, function, bound, made_up)
        result = function(**arguments)
        many = product.kind == "stream" and not function.reads_changes
        if many and isinstance(result, Iterator | list | Batch):
            results = [batch.made() for batch in yielded(result, product.id, function.place)]
            if not results:
                return Evaluation([], ())
        else:
            results = [result]
        for number, made in enumerate(results):
            query = as_query(connection, made, arguments, product, function.place, Path(room)).query
            write = f"INSERT INTO {MADE} BY NAME" if number else f"CREATE TEMP TABLE {MADE} AS"
            with sql_faults(product.id, function.place, function.engine):
                fit = fitted(connection, product, query)
                with fit.refusals():
                    connection.execute(f"{write} {fit.query}")
        outcomes = judge(connection, product, MADE, JUDGED)
        made_rows = connection.table(MADE)
        rows = [dict(zip(made_rows.columns, row, strict=True)) for row in made_rows.fetchall()]
    return Evaluation(rows, outcomes)


def judge(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, relation: str, kinds: Collection[RuleKind]
) -> tuple[CheckOutcome, ...]:
    """The outcomes of a contract's rules of some kinds for a relation, in the contract's order."""
    rules = [rule for rule in product.rules if rule.kind in kinds]
    return audit(connection, rules, relation, product=product, resolve=lambda _: None)
