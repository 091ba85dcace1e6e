"""A product tried without data: its contract, its references and grants, and its function on empty inputs."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_core.access.columns import columns_used
from platform_core.access.grants import require_grant
from platform_core.contracts.model import DataProduct
from platform_core.errors import DefinitionError, Diagnostic, Place, PlatformError

if TYPE_CHECKING:
    import duckdb

    from platform_core.contracts.registry import Registry
    from platform_core.products.bind import Argument, BoundInput
    from platform_core.products.declare import ProductFunction


def dry_run(name: str, registry: Registry, root: Path) -> list[str]:
    """Check the product ``name`` and return what was checked, in words.

    Raises:
        PlatformError: with everything that is wrong, as far as it can be seen without data. Besides
            what contracts and declarations raise themselves: D015 nothing makes the product, D023 a
            module that cannot be imported, D024 a function that fails on empty inputs, D025 a dbt source
            that is not declared, A001 and A002 missing grants, Q001 other columns than the contract's.
    """
    product = registry.get(name)
    faults: list[Diagnostic] = []
    done = [f"contract ({len(product.columns)} columns, {len(product.rules)} checks)"]
    if product.referenced:
        faults += registry.unresolved(product)
        faults += _collect(lambda: _references(product, registry, root))
        done.append(f"{len(product.referenced)} foreign key{'s' * (len(product.referenced) > 1)}")
    maker = None if product.twin_of else find_maker(product, root)
    if product.twin_of is not None:
        faults += _collect(lambda: _twin(product, registry))
        done.append(f"the masked twin of {product.twin_of}")
    elif maker is not None:
        faults += _collect(lambda: _function(product, maker, registry, root))
        done += _inputs_in_words(len(maker.products))
        done.append(f"function {maker.place}")
    else:
        from platform_core.cli.dbt_sources import check_model

        model, sources = check_model(product, registry, root)
        done += _inputs_in_words(sources)
        done.append(f"dbt model {model}")
    if faults:
        raise PlatformError(*faults)
    return done


def find_maker(product: DataProduct, root: Path) -> ProductFunction | None:
    """The function of a product; only modules that mention it are imported."""
    from platform_core.products.declare import ProductFunction

    for folder in _package_folders(product.domain, root):
        for file in sorted(folder.rglob("*.py")):
            text = file.read_text(encoding="utf-8", errors="replace")
            if "data_product" not in text or not re.search(rf"\b{re.escape(product.name)}\b", text):
                continue
            parts = file.relative_to(folder).with_suffix("").parts
            module = ".".join((product.domain, *(part for part in parts if part != "__init__")))
            if module == f"{product.domain}.definitions":
                continue
            for value in vars(_import(module)).values():
                if isinstance(value, ProductFunction) and value.name == product.name:
                    return value
    return None


def _package_folders(domain: str, root: Path) -> list[Path]:
    spec = find_spec(domain)
    if spec is None and (source := root / "domains" / domain / "src").is_dir():
        sys.path.insert(0, str(source))
        spec = find_spec(domain)
    return [Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ()]


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except PlatformError:
        raise
    except Exception as error:
        raise DefinitionError(
            Diagnostic(
                "D023",
                f"the module {module} cannot be imported: {type(error).__name__}: {error}",
                _place_in(error, module.partition(".")[0]),
                expected="a module that imports in the domain's own environment",
                fix="mend the line, or add the missing package to the domain's pyproject.toml",
            )
        ) from error


def _references(product: DataProduct, registry: Registry, root: Path) -> None:
    """The own domain has to be granted what its foreign keys point to; that it exists is said before."""
    names = set(registry.names())
    for name in product.referenced:
        if name in names:
            require_grant(registry.get(name), f"domain:{product.domain}", root)


def _function(product: DataProduct, function: ProductFunction, registry: Registry, root: Path) -> None:
    import duckdb

    from platform_core.products.bind import resolve_inputs
    from platform_core.products.changes import require_streams

    inputs = resolve_inputs(function, registry)
    require_streams(product, inputs, function.place)
    for bound in inputs.values():
        require_grant(bound.product, f"domain:{product.domain}", root)
    if product.kind == "model":
        return  # nothing can be learned from no rows
    with closing(duckdb.connect()) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = _empty_result(connection, product, function, inputs)
        if found is not None:
            _compare(connection, product, function, *found)


def _twin(product: DataProduct, registry: Registry) -> None:
    """A masked twin out of no rows of its parent; no key is needed, or made, to hash nothing."""
    import duckdb

    from platform_core.lake.masks import masked_query
    from platform_core.lake.sql import duckdb_type, quoted
    from platform_core.products.masking import parent_of
    from platform_core.products.result import sql_fault

    parent = parent_of(product, registry)
    values = ", ".join(f"NULL::{duckdb_type(c)} AS {quoted(c.name)}" for c in parent.columns)
    suppression = parent.masking.suppression if parent.masking else None
    with closing(duckdb.connect()) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = masked_query(product, f"(SELECT {values} LIMIT 0)", suppression)
        try:
            connection.execute(f"CREATE TEMP TABLE __product AS {query}")
        except duckdb.Error as error:
            raise sql_fault(product.id, product.place, error) from None
        _schema(connection, product, "__product", product.place)


def _empty_result(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    function: ProductFunction,
    inputs: dict[str, BoundInput],
) -> tuple[str, frozenset[str]] | None:
    """What the function makes of empty inputs, as SQL, and its columns whose type nothing can tell.

    Of a stream it is the first batch; None where there is no batch to look at.
    """
    import duckdb

    from platform_core.lake.sql import duckdb_type, quoted
    from platform_core.products.batch import first_rows
    from platform_core.products.inbox import deliveries
    from platform_core.products.result import as_query, sql_fault, with_metadata
    from platform_core.products.table import Table, show

    arguments: dict[str, Argument] = {}
    for name, bound in inputs.items():
        wanted = bound.declared.columns
        columns = [c for c in bound.product.columns if wanted is None or c.name in wanted]
        values = ", ".join(f"NULL::{duckdb_type(c)} AS {quoted(c.name)}" for c in columns)
        arguments[name] = show(
            connection,
            name,
            f"SELECT {values} LIMIT 0",
            source=bound.product.id,
            frames=wanted is not None,
            place=function.place,
        )
    for name, source in function.sources.items():
        if source.inbox:
            arguments[name] = [delivery.batch() for delivery in deliveries(source).values()]
        elif source.tabular:
            arguments[name] = show(connection, name, f"{source.query()} LIMIT 0", source=source.name)
        else:
            arguments[name] = source.locate()
    try:
        result, _ = with_metadata(function(**arguments))
        if product.kind == "stream":
            result = first_rows(result, product.id, function.place)
            if result is None:
                return None
    except PlatformError:
        raise
    except Exception as error:
        raise DefinitionError(
            Diagnostic(
                "D024",
                f"the function of {product.id} fails on empty inputs: {type(error).__name__}: {error}",
                _place_in(error, product.domain) or function.place,
                expected="a result with the contract's columns, without rows",
                fix="let it work without rows too: a partition or an input may be empty",
            )
        ) from error
    if isinstance(result, str):
        shown = {name: value.columns for name, value in arguments.items() if isinstance(value, Table)}
        columns_used(result, shown, place=function.place)
    query = as_query(connection, result, product.id, function.place)
    try:
        connection.execute(f"CREATE TEMP TABLE __product AS SELECT * FROM ({query}) LIMIT 0")
    except duckdb.Error as error:
        raise sql_fault(product.id, function.place, error) from None
    return "__product", _untyped(result)


def _untyped(result: Any) -> frozenset[str]:
    """Columns of Python objects in a data frame: without rows they have no type."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(result, pandas.DataFrame) or len(result):
        return frozenset()
    return frozenset(str(name) for name, kind in result.dtypes.items() if kind.kind == "O")


def _compare(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    function: ProductFunction,
    relation: str,
    free: frozenset[str],
) -> None:
    from platform_core.lake.sql import duckdb_type, quoted

    for column in product.columns:
        if column.name in free:
            connection.execute(
                f"ALTER TABLE {relation} ALTER {quoted(column.name)} TYPE {duckdb_type(column)}"
            )
    _schema(connection, product, relation, function.place)


def _schema(connection: duckdb.DuckDBPyConnection, product: DataProduct, relation: str, place: Place) -> None:
    from platform_core.quality.audit import audit
    from platform_core.quality.gate import diagnostic

    rules = tuple(rule for rule in product.rules if rule.kind == "schema")
    outcomes = audit(connection, replace(product, rules=rules), relation, resolve=lambda _: None)
    faults = [diagnostic(product, outcome) for outcome in outcomes if not outcome.passed]
    if faults:
        raise DefinitionError(*(replace(fault, place=place) for fault in faults))


def _collect(check: Any) -> tuple[Diagnostic, ...]:
    """The faults of one part, so that the other parts are looked at too."""
    try:
        check()
    except PlatformError as error:
        return error.diagnostics
    return ()


def _place_in(error: BaseException, package: str) -> Place | None:
    """The innermost line of the domain's own code in an error."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return Place(Path(error.filename), error.lineno, error.offset or 1)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if f"/{package}/" in frame.filename and "site-packages" not in frame.filename:
            return Place(Path(frame.filename), frame.lineno or 1)
    return None


def _inputs_in_words(count: int) -> list[str]:
    return [f"{count} granted input{'s' * (count > 1)}"] if count else []
