"""The engine spark: the SQL of a product runs on a Spark Connect server, over the files of its inputs."""

from __future__ import annotations

import re
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from platform_core.contracts.partitions import window_read
from platform_core.deployment.file import current_deployment
from platform_core.deployment.model import Credential, DeploymentError, Spark
from platform_core.diagnostics import DefinitionError, Place, PlatformError
from platform_core.extras import missing
from platform_core.lake.errors import beyond_inputs, sentence
from platform_core.lake.partition_filter import window_bounds
from platform_core.products.declare import ProductFunction
from platform_core.products.inputs.resolve import BoundInput
from platform_core.products.result import MadeQuery, as_query
from platform_core.products.run.context import RunContext
from platform_core.sealed.version import product_files
from platform_core.sql.allowed import NotAllowed
from platform_core.sql.parser import nodes, parse
from platform_core.sql.quoting import fold, quoted

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql.connect.session import SparkSession

_TOKEN: Final = re.compile(
    r"""(?<![\w&])'(?P<text>(?:[^']|'')*)'|"(?P<name>(?:[^"]|"")*)\""""
    r"""|(?P<comment>--[^\n]*|/\*(?:(?!/\*|\*/).)*\*/)|(?P<other>(?!/\*)[^'"`$\\])""",
    re.DOTALL,
)
_REFUSED: Final = {"reflect", "try_reflect", "java_method", "secret", "try_secret", "http_request"}
"""Functions of Spark that reach further, which ``sql.allowed`` does not know."""
_OTHER_VALUES: Final = re.compile("HUGEINT|UUID|INTERVAL|TIME WITH TIME ZONE|TIMESTAMP_NS|UBIGINT")
"""Types of DuckDB whose values in Parquet Spark reads as others."""


def by_spark(
    run: RunContext, function: ProductFunction, inputs: Mapping[str, BoundInput], made: MadeQuery
) -> MadeQuery:
    """The rows of a product's SQL as Spark computes them, in a file of the run; ``made`` was judged as SQL of
    DuckDB. Raises D027, DefinitionError E070, E073 for SQL that fails, E074 for an input that Spark cannot
    read; DeploymentError E071 and E072 without a server; UsageError U110."""
    product, place, deployment = run.product, function.place, current_deployment()
    if made.reads is None:
        message = f"{product.id} cannot have the engine spark: its function did not return SQL"
        raise DefinitionError.of("E070", message, place, "one SELECT as text", "Return SQL.")
    try:
        sql = spark_sql(made.query)
    except NotAllowed as refused:
        raise beyond_inputs(product.id, place, refused) from None
    if deployment is None or deployment.spark is None:
        message = f"{product.id} has the engine spark, but the deployment has no Spark server"
        where = "spark: {url: sc://<host>:15002} in the file that MESH_DEPLOYMENT names"
        raise DeploymentError.of("E071", message, place, where, "Add the server, or remove `engine`.")
    rows = _rows(deployment.spark, run, place, inputs, replace(made, query=sql))
    return replace(as_query(run.connection, rows, {}, product, place, run.room), used=made.used)


def spark_sql(query: str) -> str:
    """DuckDB's SQL with names and texts as Spark quotes them, so that both split it into the same words.
    Raises NotAllowed for what they split differently, and for functions that reach further."""
    for node in (node for tree in parse(query) or () for node in nodes(tree)):
        if (name := fold(str(node.get("function_name")))) in _REFUSED:
            raise NotAllowed("function", f'the function "{name}" is not available here')
    words, end = [], 0
    for found in _TOKEN.finditer(query):
        if found.start() != end:
            break
        end, kind = found.end(), str(found.lastgroup)
        word = found[kind].replace("''", "'").replace("\\", "\\\\").replace("'", "\\'")
        name = _name(found[kind].replace('""', '"'))
        words.append({"text": f"'{word}'", "name": name, "comment": " "}.get(kind, found[0]))
    if end != len(query):
        reason = "texts with $ or with a letter before the quote, and nested comments, are not available here"
        raise NotAllowed("construct", reason, query.count("\n", 0, end) + 1)
    return "".join(words)


def _name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _rows(
    server: Spark, run: RunContext, place: Place, inputs: Mapping[str, BoundInput], made: MadeQuery
) -> Iterator[pyarrow.Table]:
    """The batches of the result, as the server sends them."""
    with _session(server, run.product.id) as session:
        from pyspark.errors import PySparkException

        try:
            for name in set(made.reads or ()):
                rows = _read(session, server.scheme, run, place, inputs[name], made.used[name])
                rows.createOrReplaceTempView(name)
            result: Any = session.sql(made.query)
            # As DataFrame.toLocalIterator does it, which turns each batch into rows of Python.
            plan: Any = result._plan
            client: Any = session.client
            for batch in client.to_table_as_iterator(plan.to_proto(client), plan.observations):
                if hasattr(batch, "num_rows"):  # else it is the schema
                    names = batch.schema.names
                    single = [f"{n}_{i}" if n in names[:i] else n for i, n in enumerate(names)]
                    yield batch.rename_columns(single)
        except PySparkException as error:
            if (lost := _no_server(server, run.product.id)) is not None:
                raise lost from None
            message = f"Spark does not run the SQL of {run.product.id}"
            expected = "SQL that DuckDB parses and Spark runs over the declared inputs"
            raise DefinitionError.of("E073", message, place, expected, sentence(error)) from None


def _read(
    session: SparkSession, scheme: str, run: RunContext, place: Place, bound: BoundInput, used: Sequence[str]
) -> Any:
    """The used columns of an input, as a data frame of Spark. Raises DefinitionError E074."""
    product, why, found = bound.product, "is a view, or has deleted rows or changed columns", None
    with suppress(PermissionError):  # its rows would be copied
        found = product_files(run.location, run.connection, product, None, bound.version or 0)
    types = {column.name: column.type for column in found.columns} if found is not None else {}
    columns = tuple(used) or tuple(types)[:1]
    if strange := [column for column in columns if _OTHER_VALUES.search(types.get(column, ""))]:
        why = f'has the column "{strange[0]}" of type {types[strange[0]]}, which Spark reads as another'
    if found is None or found.evolved or strange:
        message = f"version {bound.version} of {product.id} {why}"
        fix = f"Correct it, with `mesh run {product.id}` for all its partitions, or remove `engine`."
        expected = "an input that Spark reads from its files alone"
        raise DefinitionError.of("E074", message, place, expected, fix, plain=True)
    nulls = ", ".join(f"CAST(NULL AS {types[column]}) AS {quoted(column)}" for column in columns)
    rows: Any = session.createDataFrame(run.connection.sql(f"SELECT {nulls}").to_arrow_table()).where("false")
    if found.files:
        paths = (file if "://" in file else f"file://{file}" for file in found.files)
        rows = session.read.parquet(*(re.sub("^s3://", f"{scheme}://", path) for path in paths))
    window = window_read(run.product.partitions, bound.declared.partitions, product.partitions, run.window)
    if window is not None and found.files:
        by, lower, upper = window_bounds(product, types, window)
        kind = {"DATE": "DATE", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ"}.get(types[by], "TIMESTAMP_NTZ")
        rows = rows.where(f"{_name(by)} >= {kind} '{lower}' AND {_name(by)} < {kind} '{upper}'")
    return rows.select(*map(_name, columns))


@contextmanager
def _session(server: Spark, product: str) -> Iterator[SparkSession]:
    """A session, which ends with its views. Raises DeploymentError E002, E072; UsageError U110."""
    token = Credential("spark", server.place, server.token).text("password")
    if (lost := _no_server(server, product)) is not None:
        raise lost
    # A token among the parameters turns encryption on.
    url = server.url + ("" if "/" in server.url[5:] else "/") + (f";token={token}" if token else "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pyspark's own, about later versions of pandas
            from pyspark.sql.connect.client.retries import DefaultPolicy
            from pyspark.sql.connect.session import SparkSession

            session = SparkSession.builder.remote(url).create()
        session.client.set_retry_policies([DefaultPolicy(max_retries=5, max_backoff=2000)])
        session.conf.set("spark.sql.session.timeZone", "UTC")
        session.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")  # TIMESTAMP as in DuckDB
        session.conf.set("spark.sql.ansi.enabled", "true")
    except ModuleNotFoundError as error:
        raise missing(error) from None
    except Exception as error:  # noqa: BLE001 - of gRPC and of pyspark
        raise _no_server(server, product, sentence(error).replace(token or url, "...")) or error from None
    try:
        yield session
    finally:
        with suppress(Exception):
            session.stop()


def _no_server(server: Spark, product: str, why: str = "") -> PlatformError | None:
    """E072 for a reason, or where nothing listens: the client would try for minutes."""
    at = urlsplit(server.url)
    try:
        if not why:
            socket.create_connection((at.hostname or "", at.port or 15002), timeout=10).close()
            return None
    except OSError as error:
        why = error.strerror or str(error)
    message = f"the Spark server {at.netloc} does not answer for {product}: {why}"
    fix = "Start the server, or correct url and token. Nothing was published."
    return DeploymentError.of("E072", message, server.place, "a Spark Connect server", fix)
