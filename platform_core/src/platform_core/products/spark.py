"""The engine spark: the SQL of a product runs on a Spark Connect server, over the files of its inputs."""

from __future__ import annotations

import re
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from platform_core.contracts.partitions import window_read
from platform_core.deployment.file import Credential, DeploymentError, Spark, current_deployment
from platform_core.diagnostics import DefinitionError, PlatformError
from platform_core.extras import missing
from platform_core.lake.errors import beyond_inputs, sentence
from platform_core.lake.partition_filter import window_bounds
from platform_core.products.declare import ProductFunction
from platform_core.products.inputs.resolve import BoundInput
from platform_core.products.result import MadeQuery, as_query
from platform_core.products.run.context import RunContext
from platform_core.sealed.version import product_files
from platform_core.settings import DEPLOYMENT
from platform_core.sql.allowed import NotAllowed
from platform_core.sql.parser import nodes, parse
from platform_core.sql.quoting import fold, quoted

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql.connect.session import SparkSession

_TOKEN: Final = re.compile(
    r"""(?P<text>(?<![\w&])'(?:[^']|'')*')|(?P<name>"(?:[^"]|"")*")"""
    r"""|(?P<comment>--[^\n]*|/\*(?:(?!/\*|\*/).)*\*/)|(?P<other>(?!/\*)[^'"`$\\])""",
    re.DOTALL,
)
_REFUSED: Final = frozenset(
    {"reflect", "try_reflect", "java_method", "secret", "try_secret", "http_request", "remote_query"}
    | {"ai_query", "input_file_name", "input_file_block_start", "input_file_block_length"}
)
"""Functions of Spark that reach more than their arguments, beside those that ``sql.allowed`` refuses."""
_OTHER_VALUES: Final = re.compile(r"HUGEINT|UUID|INTERVAL|TIME WITH TIME ZONE|TIMESTAMP_NS|UBIGINT")
"""DuckDB's types whose values in Parquet are others for Spark."""
_SECONDS: Final = 10
"""How long the server may take to accept a connection."""
_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parser.escapedStringLiterals": "false",
}


@dataclass(frozen=True, slots=True)
class _View:
    """An input as Spark reads it."""

    name: str
    columns: tuple[str, ...]
    files: tuple[str, ...]
    where: str
    """SQL of Spark for the partitions of the run; empty for all rows."""
    none: pyarrow.Table
    """A row of NULLs with the columns' types, for an input without files."""


def by_spark(
    run: RunContext, function: ProductFunction, inputs: Mapping[str, BoundInput], made: MadeQuery
) -> MadeQuery:
    """The rows of a product's SQL as Spark computes them, in a file of the run.

    The SQL is parsed and judged as DuckDB's. Raises DefinitionError: E071 for another result, E074 for SQL
    that Spark refuses, E075 for a column of another type in Spark, E076 for a version that Spark cannot read,
    D027; DeploymentError E072 and E073 without a server; UsageError U110.
    """
    product, place = run.product, function.place
    if made.reads is None:
        message = f"the function of {product.id} has the engine spark, but did not return SQL"
        raise DefinitionError.of("E071", message, place, "one SELECT as text", "Return SQL.")
    try:
        sql = spark_sql(made.query)
    except NotAllowed as refused:
        raise beyond_inputs(product.id, place, refused) from None
    views = [_view(run, function, name, inputs[name], made.used[name]) for name in sorted(set(made.reads))]
    deployment = current_deployment()
    if deployment is None or deployment.spark is None:
        message = f"{product.id} has the engine spark, but the deployment has no Spark server"
        where = f"spark: {{url: sc://<host>:15002}} in the file of {DEPLOYMENT.name}"
        raise DeploymentError.of("E072", message, place, where, "Add the server, or remove `engine`.")
    rows = _rows(deployment.spark, run, function, views, sql)
    return replace(as_query(run.connection, rows, {}, product, place, run.room), used=made.used)


def spark_sql(query: str) -> str:
    """DuckDB's SQL with names and texts quoted as Spark quotes them, so that both split it into the same
    words. Raises NotAllowed for what they split differently, and for functions that reach further."""
    for node in (node for tree in parse(query) or () for node in nodes(tree)):
        name = fold(str(node.get("function_name", "")))
        if name in _REFUSED and node.get("class") in ("FUNCTION", "WINDOW"):
            raise NotAllowed("function", f'the function "{name}" is not available here')
    words, end = [], 0
    for found in _TOKEN.finditer(query):
        if found.start() != end:
            break
        word, end = found[0], found.end()
        match found.lastgroup:
            case "text":
                word = word[1:-1].replace("''", "'").replace("\\", "\\\\").replace("'", "\\'")
                words.append(f"'{word}'")
            case "name":
                words.append(_name(word[1:-1].replace('""', '"')))
            case "comment":
                words.append(" ")
            case _:
                words.append(word)
    sql = "".join(words)
    if end != len(query):
        line = query.count("\n", 0, end) + 1
        raise NotAllowed("construct", "texts with $ or a letter before the quote, and nested comments", line)
    return sql


def _name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _view(
    run: RunContext, function: ProductFunction, name: str, bound: BoundInput, used: Sequence[str]
) -> _View:
    """The files and columns that Spark reads of an input. Raises DefinitionError E075, E076."""
    product, place = bound.product, function.place
    assert bound.version is not None
    try:
        found = product_files(run.connection, product, None, bound.version)
    except PermissionError:
        found = None
    if found is None or found.evolved:
        message = f"version {bound.version} of {product.id} has deleted rows or changed columns in its files"
        fix = f"Make {product.id} again as a whole: `mesh run {product.id}`; or remove `engine`."
        expected = "an input that Spark reads from its files alone"
        raise DefinitionError.of("E076", message, place, expected, fix, plain=True)
    types = {column.name: column.type for column in found.columns}
    window = window_read(run.product.partitions, bound.declared.partitions, product.partitions, run.window)
    where = ""
    if window is not None:
        column, *bounds = window_bounds(product, types, window)
        kind = {"DATE": "DATE", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}.get(types[column], "TIMESTAMP_NTZ")
        first, after = (f"{kind} '{bound}'" for bound in bounds)
        where = f"{_name(column)} >= {first} AND {_name(column)} < {after}"
    columns = tuple(used) or (found.columns[0].name,)
    if strange := [column for column in columns if _OTHER_VALUES.search(types[column])]:
        message = (
            f'the column "{strange[0]}" of {product.id} is {types[strange[0]]}, which Spark does not read'
        )
        fix = "Leave the column out, change its type in that product, or remove `engine`."
        raise DefinitionError.of("E075", message, place, "types that Spark and DuckDB store alike", fix)
    nulls = ", ".join(f"CAST(NULL AS {types[column]}) AS {quoted(column)}" for column in columns)
    none = run.connection.sql(f"SELECT {nulls}").to_arrow_table()
    return _View(name, columns, found.files, where, none)


def _rows(
    server: Spark, run: RunContext, function: ProductFunction, views: Sequence[_View], sql: str
) -> Iterator[pyarrow.Table]:
    """The batches of the result, as the server sends them."""
    product, place = run.product, function.place
    with _session(server, product.id) as session:
        from pyspark.errors import PySparkException

        try:
            for view in views:
                _show(session, view, server.scheme)
            result: Any = session.sql(sql)
            if double := [name for name in result.columns if result.columns.count(name) > 1]:
                message, fix = f'the SQL of {product.id} has two columns "{double[0]}"', "Rename one of them."
                raise DefinitionError.of("E074", message, place, "columns of different names", fix)
            # As DataFrame.toLocalIterator does it, which turns each batch into rows of Python.
            plan = result._plan
            batches = session.client.to_table_as_iterator(plan.to_proto(session.client), plan.observations)
            for batch in batches:
                if hasattr(batch, "num_rows"):
                    yield batch
        except PySparkException as error:
            if (lost := _unreachable(server, product.id)) is not None:
                raise lost from None
            message = f"Spark does not run the SQL of {product.id}"
            expected = "SQL that DuckDB parses and Spark runs over the declared inputs"
            raise DefinitionError.of("E074", message, place, expected, sentence(error)) from None


def _show(session: SparkSession, view: _View, scheme: str) -> None:
    """Make an input visible to the session under its name."""
    names = [_name(column) for column in view.columns]
    if view.files:
        paths = [
            re.sub("^s3://", f"{scheme}://", file) if "://" in file else f"file://{file}"
            for file in view.files
        ]
        rows = session.read.parquet(*paths)
        rows = (rows.where(view.where) if view.where else rows).select(*names)
    else:
        rows = session.createDataFrame(view.none).where("false")
    rows.createOrReplaceTempView(view.name)


@contextmanager
def _session(server: Spark, product: str) -> Iterator[SparkSession]:
    """A session of its own, ended with its views. Raises DeploymentError E072, E073; UsageError U110."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pyspark's own, about later versions of pandas
            from pyspark.sql.connect.client.retries import DefaultPolicy
            from pyspark.sql.connect.session import SparkSession
    except ModuleNotFoundError as error:
        raise missing(error) from None
    token = Credential("spark", server.place, server.token).text("password")
    if (lost := _unreachable(server, product)) is not None:
        raise lost
    # A token among the parameters turns encryption on.
    url = f"{server.url.rstrip('/')}{'' if '/;' in server.url else '/'}" + (
        f";token={token}" if token else ""
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            session = SparkSession.builder.remote(url).create()
        session.client.set_retry_policies([DefaultPolicy(max_retries=5, max_backoff=2000)])
        for name, value in _SETTINGS.items():
            session.conf.set(name, value)
    except Exception as error:  # noqa: BLE001 - of gRPC and of pyspark
        raise _no_session(server, product, sentence(error).replace(token or url, "...")) from None
    try:
        yield session
    finally:
        with suppress(Exception):
            session.stop()


def _unreachable(server: Spark, product: str) -> PlatformError | None:
    """E073 where nothing listens: the client would try for minutes."""
    at = urlsplit(server.url)
    try:
        socket.create_connection((at.hostname or "", at.port or 15002), timeout=_SECONDS).close()
    except OSError as error:
        return _no_session(server, product, error.strerror or str(error))
    return None


def _no_session(server: Spark, product: str, why: str) -> PlatformError:
    message = f"the Spark server {urlsplit(server.url).netloc} does not answer for {product}: {why}"
    fix = "Start the server, or correct url and token. Nothing was published."
    return DeploymentError.of("E073", message, server.place, "a Spark Connect server", fix)
