"""A check of a product without data: contract, references, grants, and its function on empty inputs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from platform_core.access.grants import require_grant
from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import function_window
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import (
    DefinitionError,
    Diagnostic,
    Place,
    PlatformError,
    UsageError,
    own_line,
    render,
    shown,
)
from platform_core.lake.publication.column_fit import fitted
from platform_core.masking.publish import parent_of
from platform_core.masking.sql import masked_query
from platform_core.products.batch import first_rows
from platform_core.products.column_use import of_model
from platform_core.products.dbt.project import DbtProject
from platform_core.products.dbt.run import reads_more, require_dbt, with_manifest
from platform_core.products.declare import ProductFunction
from platform_core.products.evaluate import MADE, judge
from platform_core.products.inputs.bind import Argument, bind, in_memory
from platform_core.products.inputs.changes import require_streams
from platform_core.products.inputs.inbox import files_of
from platform_core.products.inputs.resolve import require_uses, resolve_inputs
from platform_core.products.inputs.rows import NoRows, no_rows
from platform_core.products.inputs.view import require_select, require_view
from platform_core.products.makers.lookup import find_maker, maker_of, own_code
from platform_core.products.result import as_query, is_iterator, sql_faults, with_metadata
from platform_core.quality.audit import unanswerable
from platform_core.quality.gate import diagnostic
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import unknown_product
from platform_core.sources.source import READERS
from platform_core.words import counted, listed


def dry_run(name: str, registry: Registry, root: Path) -> list[str]:
    """Check the product ``name`` and return phrases about the checked parts.

    Raises UsageError U043 for an unknown name, and PlatformError with every fault that is visible without
    data.
    """
    if name not in registry.names():
        raise _uncontracted(ProductId(name), registry, root)
    product = registry.get(name)
    faults: list[Diagnostic] = []
    done = [f"contract ({len(product.columns)} columns, {len(product.rules)} checks)"]
    if product.referenced or product.compared:
        faults += registry.unresolved(product)
        faults += _collect(lambda: _references(product, registry, root))
        done.append(counted(len(product.referenced), "foreign key"))
    maker, unmade = maker_of(product, root)
    faults += unmade
    faults += _collect(lambda: _queries(product, _read_by(product, maker), registry))
    if product.twin_of is not None:
        faults += _collect(lambda: _twin(product, registry))
        done.append(f"the masked twin of {product.twin_of}")
    elif isinstance(maker, ProductFunction):
        faults += _collect(lambda: _function(product, maker, registry, root))
        done += [counted(len(maker.products), "granted input")] if maker.products else []
        done.append(f"{'Component' if maker.is_component else 'function'} {maker.place}")
    elif maker is not None:
        faults += _collect(lambda: _model(product, maker, registry, root))
        inputs, _ = maker.reads(product.name, ())
        done += [counted(len(inputs), "granted input")] if inputs else []
        done.append(f"dbt model {shown(maker.models[product.name])}")
        unneeded = (fault for fault in maker.files.all_faults() if fault not in faults)
        faults += [replace(fault, severity="warning") for fault in unneeded]
    if any(fault.severity == "error" for fault in faults):
        raise PlatformError(*faults)
    if faults:
        print(render(faults), file=sys.stderr)
    return done


def _uncontracted(name: ProductId, registry: Registry, root: Path) -> PlatformError:
    maker = find_maker(name, root)
    if maker is None:
        return UsageError(unknown_product(name, registry.names()))
    message = f'the product "{maker.name}" of {name.domain} has no contract'
    fix = f"Write {shown(registry.path(name))}; `mesh infer` drafts it."
    return DefinitionError.of("G119", message, maker.place, "a contract of its name", fix)


def _references(product: DataProduct, registry: Registry, root: Path) -> None:
    """Require a grant for the products that foreign keys reference; ``unresolved`` reports missing
    products."""
    names = set(registry.names())
    for name in (*product.referenced, *product.compared):
        if name in names:
            require_grant(registry.get(name), f"domain:{product.domain}", root)


def _read_by(product: DataProduct, maker: ProductFunction | DbtProject | None) -> Collection[str]:
    """The ids of a product's inputs, which the SQL of its rules may read too."""
    if isinstance(maker, ProductFunction):
        return [read.product for read in maker.products.values()]
    return maker.reads(product.name, ())[0] if maker is not None else [product.twin_of or ""]


def _queries(product: DataProduct, reads: Collection[str], registry: Registry) -> None:
    def resolve(name: str) -> str | None:
        return no_rows(registry.get(name)) if name in reads and name in registry.names() else None

    with in_memory() as connection:
        with sql_faults(product.id, product.place):
            connection.execute(f"CREATE TEMP TABLE {MADE} AS FROM {no_rows(product)}")
        outcomes = unanswerable(connection, product, MADE, resolve)
    if outcomes:
        raise DefinitionError(*(diagnostic(product, outcome) for outcome in outcomes))


def _function(product: DataProduct, function: ProductFunction, registry: Registry, root: Path) -> None:
    inputs = resolve_inputs(function, registry)
    require_streams(product, inputs, function.place)
    require_uses(product, function)
    require_view(product, function, inputs)
    _suffixes(product, function)
    for bound in inputs.values():
        require_grant(bound.product, f"domain:{product.domain}", root)
    if product.kind == "model":
        return  # a model cannot learn from empty inputs
    with in_memory(files_of(function.sources.values())) as connection:
        with sql_faults(product.id, function.place):  # a source may not be a table
            arguments = bind(connection, function, inputs, NoRows(function_window(product.partitions)))
        result = _called(product, function, arguments)
        if result is None and product.kind == "stream":
            return  # the stream has no batch
        if is_iterator(result):
            return  # its first row may be one of a network
        made = as_query(connection, result, arguments, product, function.place, root)
        if function.view:
            query = made.query if made.reads is not None else None
            require_select(product.id, query, [*function.products], function.place)
        with sql_faults(product.id, function.place, function.engine):
            fit = fitted(connection, product, made.query)
            connection.execute(f"CREATE TEMP TABLE {MADE} AS FROM ({fit.query}\n) LIMIT 0")
        _schema(connection, product, function.place)


def _suffixes(product: DataProduct, function: ProductFunction) -> None:
    """Raise D008 if the annotation of a source does not fit the suffix of its file."""
    parameters = inspect.signature(function.function).parameters
    for name, source in function.sources.items():
        annotation = parameters[name].annotation if name in parameters else ""  # a Component has none
        declared = str(annotation).rpartition(".")[2].strip("'>")
        given = "Table" if source.tabular else "Path"
        if declared in ("Table", "Path") and declared != given and not source.inbox:
            message = f'{product.id} declares "{name}" as a {declared}, but {source.path} is a {given}'
            expected = f"a Table of a file that ends in {listed(list(READERS))}, a Path of any other"
            raise DefinitionError.of("D008", message, function.place, expected, f"Write {name}: {given}.")


def _called(product: DataProduct, function: ProductFunction, arguments: Mapping[str, Argument]) -> Any:
    try:
        result, _ = with_metadata(function(**arguments))
        many = product.kind == "stream" and not function.reads_changes
        return first_rows(result, product.id, function.place) if many else result
    except PlatformError:
        raise
    except Exception as error:
        message = f"the function of {product.id} fails on empty inputs: {type(error).__name__}: {error}"
        place = own_line(error, own_code(product.domain)) or function.place
        expected = "a result with the contract's columns, without rows"
        fix = "Make it work without rows too: a partition or an input may be empty."
        raise DefinitionError.of("D024", message, place, expected, fix) from error


def _twin(product: DataProduct, registry: Registry) -> None:
    parent = parent_of(product, registry)
    suppression = parent.masking.suppression if parent.masking else None
    with in_memory() as connection:
        with sql_faults(product.id, product.place):
            query = masked_query(product, no_rows(parent), suppression)
            connection.execute(f"CREATE TEMP TABLE {MADE} AS {query}")
        _schema(connection, product, product.place)


def _model(product: DataProduct, project: DbtProject, registry: Registry, root: Path) -> None:
    own = {name.name for name in registry.names() if name.domain == product.domain}
    read, faults = project.reads(product.name, own)
    granted: dict[str, DataProduct] = {}
    for name, place in read.items():
        try:
            found = registry.get(name)
            require_grant(found, f"domain:{product.domain}", root)
            granted[name] = found
        except PlatformError as error:
            faults += (replace(fault, place=fault.place or place) for fault in error.diagnostics)
    faults += project.undeclared((product, read[name]) for name, product in granted.items())
    if not faults:
        project.table(product.name)
        if reads_more(project):  # properties, variables and macros
            return _model(product, with_manifest(project), registry, root)
        by_name = {found.id.in_sql: found for found in granted.values()}
        faults += of_model(project.sql(product.name), by_name, Place(project.models[product.name])).faults
    if not faults and project.files.settings.document.path.is_file():
        require_dbt(project)
    if faults:
        raise DefinitionError(*dict.fromkeys(faults))


def _schema(connection: duckdb.DuckDBPyConnection, product: DataProduct, place: Place) -> None:
    outcomes = judge(connection, product, MADE, {"schema"})
    faults = [diagnostic(product, outcome) for outcome in outcomes if not outcome.passed]
    if faults:
        raise DefinitionError(*(replace(fault, place=place) for fault in faults))


def _collect(check: Any) -> tuple[Diagnostic, ...]:
    """The faults of one check, so that the other checks run too."""
    try:
        check()
    except PlatformError as error:
        return error.diagnostics
    return ()
