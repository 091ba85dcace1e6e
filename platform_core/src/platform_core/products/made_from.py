"""The parts that a product is made from, as its location has loaded them; for fingerprints."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Final

from platform_core.contracts.model import Column, DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Place
from platform_core.fingerprint.code import Package
from platform_core.fingerprint.made_from import MadeFrom, TableShape, digest
from platform_core.products.column_use import Columns, shapes, types_of
from platform_core.products.column_use import of_function as columns_of_function
from platform_core.products.column_use import of_model as columns_of_model
from platform_core.products.dbt.project import DbtProject
from platform_core.products.declare import ProductFunction
from platform_core.sql.quoting import literal, quoted

_DBT: Final = ("dbt-core", "dbt-duckdb")
_NOWHERE: Final = Place(Path())
_REQUIRED: Final = re.compile(r"[\w.-]+")


def parts_of_function(
    function: ProductFunction, inputs: Mapping[str, DataProduct], promised: DataProduct
) -> MadeFrom:
    """The parts of a function, which is called with empty inputs if it returns SQL."""
    known = Columns()
    if not _by_code(function, promised):
        known = columns_of_function(function, inputs, promised.domain, promised)
    return of_function(function, known, inputs, promised)


def parts_of_model(project: DbtProject, inputs: Iterable[DataProduct], promised: DataProduct) -> MadeFrom:
    """The parts of a dbt model."""
    by_name = {ProductId(each.id).in_sql: each for each in inputs}
    place = Place(project.models[promised.name])
    return of_model(
        project, columns_of_model(project.sql(promised.name), by_name, place, promised), by_name, promised
    )


def _by_code(function: ProductFunction, promised: DataProduct | None) -> bool:
    """Whether its SQL without rows does not stand for all that it returns: it depends on the window of the
    run, or comes in batches."""
    batches = promised is not None and promised.kind == "stream" and not function.reads_changes
    return function.windowed or batches


def of_function(
    function: ProductFunction, known: Columns, inputs: Mapping[str, DataProduct], promised: DataProduct | None
) -> MadeFrom:
    """The parts of a function: its SQL if ``known`` has it, else its Python code."""
    columns = tuple(column.name for column in promised.columns) if promised is not None else ()
    of_sources = packages_of(source.package for source in function.sources.values() if source.package)
    if known.query and not _by_code(function, promised):
        text = digest(known.query, *(["view"] if function.view else []))
        return MadeFrom(text, known.query, (*known.tables,), columns, of_sources)
    package = _package(Path(str(sys.modules[function.domain].__file__)).parent)
    made = function.function
    code = package.code_of(made.__module__, made.__qualname__.partition(".")[0])
    # The SQL of a Component is not in the code, which all Components share.
    declared = function.place.path.read_text("utf-8") if function.is_component else ""
    sources = (
        TableShape(argument, each.name, (), each.definition, outside=True)
        for argument, each in function.sources.items()
    )
    return MadeFrom(
        digest(code.fingerprint, declared),
        tables=(*shapes(function, inputs), *sources),
        columns=columns,
        packages=tuple(sorted({*packages_of(code.packages), *of_sources})),
        outside=code.outside,
    )


def of_model(
    project: DbtProject, known: Columns, inputs: Mapping[str, DataProduct], promised: DataProduct
) -> MadeFrom:
    """The parts of a dbt model; of one whose SQL only dbt can render, the whole project."""
    columns = tuple(column.name for column in promised.columns)
    tables = tuple(TableShape(name, each.id, types_of(each)) for name, each in inputs.items())
    text = digest(known.query or project.content())
    return MadeFrom(text, known.query, tables, columns, versions_of(_DBT))


def of_twin(twin: DataProduct, parent: DataProduct) -> MadeFrom:
    """The parts of a masked twin, as a query with a stand-in for each mask, whose key is not known here."""
    shown = ", ".join(f"{_masked(column)} AS {quoted(column.name)}" for column in twin.columns)
    query = f"SELECT * FROM (SELECT {shown} FROM parent)"
    suppression = parent.masking.suppression if parent.masking is not None else None
    if suppression is not None:
        groups = ", ".join(map(quoted, suppression.columns))
        query += f" QUALIFY count(*) OVER (PARTITION BY {groups}) >= {suppression.minimum:d}"
    tables = (TableShape("parent", parent.id, types_of(parent)),)
    return MadeFrom(digest(query), query, tables, tuple(column.name for column in twin.columns))


def _masked(column: Column) -> str:
    name, mask = quoted(column.name), column.mask
    if mask is None:
        return name
    way = literal(repr(replace(mask, place=_NOWHERE)))
    return way if mask.method == "redact" else f"md5({way} || {name}::VARCHAR)"


def packages_of(modules: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The installed packages with these modules, and those that they require, with their versions."""
    found = dict[str, str]()
    left = [name for module in modules for name in _packages().get(module, ())]
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name not in found and (version := versions_of([name])):
            found.update(version)
            required = distribution(name).requires or ()
            names = (_REQUIRED.match(line) for line in required if "extra ==" not in line)
            left += [each[0] for each in names if each is not None]
    return tuple(sorted(found.items()))


def versions_of(packages: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The versions of packages, without those that are not installed."""
    found = []
    for name in packages:
        with suppress(PackageNotFoundError):
            found.append((name, distribution(name).version))
    return tuple(found)


@cache
def _packages() -> Mapping[str, Sequence[str]]:
    return packages_distributions()


@cache
def _package(folder: Path) -> Package:
    return Package.read(folder)
