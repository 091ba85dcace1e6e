"""The source of an inferred contract as one relation: a file, product, lake table, query or dbt model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import duckdb

from platform_core.access.grants import require_grant
from platform_core.access.query import granted_products, query_fault
from platform_core.access.versions import opened_files, published_files
from platform_core.authoring import data_files as tabular
from platform_core.authoring.foreign_keys import candidates
from platform_core.authoring.outside import FORMS, Outside
from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import PlatformError, UsageError, shown
from platform_core.lake.connect import connect
from platform_core.lake.engine import memory_of
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.lake.transaction import number
from platform_core.lake.versions import relation_kind
from platform_core.products.dbt.project import DbtProject
from platform_core.registry.lookup import Registry
from platform_core.sealed.engine import sealed_engine, show_version, shut
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.version import version_files
from platform_core.sql.quoting import quoted
from platform_core.words import did_you_mean, listed

Kind = Literal["file", "product", "table", "sql", "model"]

MEMORY: Final = 1_000_000_000
"""The engine's memory, without that of the process itself and of read-ahead."""
RELATION: Final = '"__subject"'

_SQL: Final = re.compile(
    r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*\(*\s*(?:select|from|with|values)\b", re.I | re.S
)
_TABLE: Final = re.compile(r"(\w+)\.(products|staging|internal)\.(\w+)")


@dataclass(frozen=True)
class Subject:
    """A named source, before it is read."""

    kind: Kind
    words: str
    """Its name in the head of the contract, such as a path."""
    name: str
    """A possible name of the product."""
    file: Path | None = None
    """A data file; that with the rows of an outside source."""
    outside: Outside | None = None
    product: DataProduct | None = None
    sql: str | None = None
    table: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class Reader:
    """A principal and its mesh."""

    principal: str
    registry: Registry
    location: LakeLocation
    root: Path


@dataclass(frozen=True)
class Opened:
    """A readable source: ``relation`` on ``connection``."""

    connection: duckdb.DuckDBPyConnection
    relation: str
    columns: Mapping[str, str] = field(default_factory=dict)
    """The source's names of renamed columns."""
    targets: Mapping[str, str] = field(default_factory=dict)
    """Relations of the products that columns may refer to."""
    pairs: Sequence[tuple[str, DataProduct]] = ()


def find(
    words: str, registry: Registry, location: LakeLocation, root: Path, outside: Outside | None = None
) -> Subject:
    """The source that a word names: a query, a file, a product, a lake's table or a dbt model; or
    ``outside``.

    Raises UsageError U060 for any other word.
    """
    if _SQL.match(words):
        return Subject("sql", "a query", "query", sql=words.strip().rstrip(";"))
    if outside is not None:
        source = outside.source
        return Subject(
            "file", source.origin, tabular.stem(Path(source.name)), file=outside.file, outside=outside
        )
    path = Path(words).expanduser()
    if path.suffix == ".sql" and path.is_file():
        return _model_or_query(path, location, root)
    if tabular.is_file_name(words) or path.exists():
        return Subject("file", tabular.described(path), tabular.stem(path), file=path)
    written = ProductId.written(words)
    if written in registry.names():
        return Subject("product", written, written.name, product=registry.get(written))
    if match := _TABLE.fullmatch(words):
        lake, schema, name = match.groups()
        return Subject("table", words, name, table=(lake, schema, name))
    models = _models(root)
    if written in models:
        return _model(written, models[written], location)
    alone = [name for name in (*registry.names(), *models) if ProductId(name).name == words]
    if len(set(alone)) == 1:
        return find(alone[0], registry, location, root)
    known = [*registry.names(), *models]
    message = f'"{words}" is not a file, product, table, query or dbt model'
    expected = "a path (.parquet, .csv, .json), <domain>/<product>, <lake>.<schema>.<table>, "
    expected += "SQL in quotes, the name of a dbt model, a URL, or " + ", ".join(FORMS.values())
    fix = did_you_mean(written, known) or "List the products: `mesh products`"
    fix = f"Name one of {listed(sorted(set(alone)))}." if alone else fix
    raise UsageError.of("U060", message, None, expected, fix)


def _models(root: Path) -> dict[str, DbtProject]:
    folders = sorted(folder for folder in (root / "dbt_projects").glob("*") if folder.is_dir())
    projects = (DbtProject.of(folder.name, root) for folder in folders)
    return {ProductId.of(project.domain, name): project for project in projects for name in project.models}


def _model_or_query(path: Path, location: LakeLocation, root: Path) -> Subject:
    for name, project in _models(root).items():
        if project.models[ProductId(name).name].resolve() == path.resolve():
            return _model(name, project, location)
    sql = path.read_text(encoding="utf-8", errors="replace").strip().rstrip(";")
    return Subject("sql", f"the query in {shown(path)}", path.stem, sql=sql)


def _model(name: str, project: DbtProject, location: LakeLocation) -> Subject:
    """The published product of a model, else its SQL where that is known without dbt."""
    domain, model = ProductId(name).path
    words = f"the dbt model {name}"
    for lake in filter(location.exists, (domain, f"{domain}_restricted")):
        with connect(location, read=[lake]) as connection:
            kind = relation_kind(connection, lake, model)
        if kind == "BASE TABLE":
            return Subject("model", words, model, table=(lake, "products", model))
    sql = project.sql(model)
    if sql is None:
        message = f"the dbt model {name} was never published, and only dbt can render its SQL"
        expected = "a published product, or SQL with source() and ref() alone"
        fix = "Write its contract by hand: `mesh new product --help`."
        raise UsageError.of("U069", message, None, expected, fix)
    return Subject("model", words, model, sql=sql)


@contextmanager
def opened(
    subject: Subject, reader: Reader, *, own: str | None = None, columns: Sequence[str] | None = None
) -> Iterator[Opened]:
    """Read a source with the grants of the reader.

    ``own`` is the new product, to which no column refers. ``columns`` are names for a file without any.

    Raises:
        UsageError: U060 to U066 the faults of a file, U040 a failing query.
        PlatformError: the errors of ``granted_products``.
    """
    with ExitStack() as stack:
        products = _products(subject, reader)
        files, room = stack.enter_context(opened_files(products, reader.location))
        connection = stack.enter_context(sealed_engine())
        connection.execute("SET preserve_insertion_order = false")
        if memory_of(connection) > MEMORY:
            connection.execute(f"SET memory_limit = '{MEMORY // 10**6}MB'")
        files.show(connection)
        for name, version in published_files(products.values(), reader.location, files, room).items():
            show_version(connection, name, version)
        source, renamed = subject.sql or "", dict[str, str]()
        if subject.file is not None:
            source, renamed = tabular.query(connection, subject.file, columns)
        elif subject.product is not None:
            source = f"SELECT * FROM {quoted(subject.product.id)}"
        elif subject.table is not None:
            source = _table(reader, subject.table, files, room)
        with _query_faults():
            names = tuple(row[0] for row in connection.execute(f"DESCRIBE {source}").fetchall())
        if subject.kind == "sql":
            plain, renamed = tabular.in_plain_names(f"({source})", names)
            source = plain if renamed else source
            by_name = {old: new for new, old in renamed.items()}
            names = tuple(by_name.get(name, name) for name in names)
        pairs = _pairs(names, reader, own or subject.name)
        targets = _targets(connection, [product for _, product in pairs], reader, products, files, room)
        shut(connection, room, [subject.file] if subject.file is not None else [])
        if subject.sql is not None:
            with _query_faults():
                connection.execute(f"CREATE TEMP TABLE {RELATION} AS {source}")
        elif subject.file is None or tabular.columnar(subject.file):
            connection.execute(f"CREATE TEMP VIEW {RELATION} AS {source}")
        else:
            tabular.load_file(connection, subject.file, RELATION, source)
        yield Opened(connection, RELATION, renamed, targets, pairs)


@contextmanager
def _query_faults() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise UsageError(query_fault(type(error).__name__, str(error).strip())) from None


def _products(subject: Subject, reader: Reader) -> dict[str, DataProduct]:
    if subject.product is not None:
        require_grant(subject.product, reader.principal, reader.root)
        return {subject.product.id: subject.product}
    if subject.sql is not None:
        return granted_products(subject.sql, reader.principal, reader.registry, reader.root)
    return {}


def _table(reader: Reader, table: tuple[str, str, str], files: SealedFiles, room: Path | None) -> str:
    """A table of the reader's own lake, even if it is not published."""
    lake, schema, name = table
    domain, location = lake.removesuffix("_restricted"), reader.location
    if reader.principal not in (f"domain:{domain}", f"domain:{lake}"):
        message = f"{'.'.join(table)} is not a product, so only its own domain may read it"
        fix = f"Read it as that domain: `mesh infer {'.'.join(table)} --as {domain}/{name}`"
        raise UsageError.of("U067", message, None, f"a product of {domain}, or a contract for {domain}", fix)
    if not location.exists(lake):
        raise _no_table(table)
    with connect(location, read=[lake]) as attached, lake_faults(location, lake):
        newest = number(attached, f"SELECT max(snapshot_id) FROM {quoted(lake)}.snapshots()")
        try:
            found = version_files(attached, lake, schema, name, newest, room)
        except duckdb.CatalogException:
            raise _no_table(table) from None
        return found.opened(files, ".".join(table)).query


def _no_table(table: tuple[str, str, str]) -> UsageError:
    message, fix = f"unknown table {'.'.join(table)}", "List the products: `mesh products`"
    return UsageError.of("U060", message, None, "an existing table, <lake>.<schema>.<table>", fix)


def _pairs(names: Sequence[str], reader: Reader, own: str) -> list[tuple[str, DataProduct]]:
    readable = []
    for product in reader.registry.scan()[0]:
        try:
            require_grant(product, reader.principal, reader.root)
        except PlatformError:
            continue
        readable.append(product)
    return candidates(names, readable, own)


def _targets(
    connection: duckdb.DuckDBPyConnection,
    products: Sequence[DataProduct],
    reader: Reader,
    known: Mapping[str, DataProduct],
    files: SealedFiles,
    room: Path | None,
) -> dict[str, str]:
    """The relations of products by their ids; those in ``known`` exist on the connection."""
    targets: dict[str, str] = {}
    for product in {product.id: product for product in products}.values():
        try:
            if product.id not in known:
                [version] = published_files([product], reader.location, files, room).values()
                show_version(connection, product.id, version)
        except PlatformError:
            # Never published, or in an unreadable lake.
            continue
        targets[product.id] = quoted(product.id)
    return targets
