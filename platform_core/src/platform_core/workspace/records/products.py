"""The records of products in the instance and the lakes, read without loading a location."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.deployment.file import current_deployment
from platform_core.diagnostics import RunError, shown
from platform_core.lake.connect import connect
from platform_core.lake.damage import from_each_lake
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.reading import bytes_kept
from platform_core.lake.versions import Published, published
from platform_core.workspace.home import Home
from platform_core.workspace.hosts.instance_settings import connected, database_faults, one_process
from platform_core.workspace.records.check_counts import Outcome

if TYPE_CHECKING:
    import dagster as dg

PAGE: Final = 500
FAILED_RUNS: Final = 1000
"""The number of the newest failed runs that ``failures`` reads."""
# A run that failed before its checks leaves them planned, with events of another class.
_CHECKED: Final = """
SELECT asset_key, check_name, run_id, create_timestamp, json_extract(event, '$.success'),
  json_extract(event, '$.severity.__enum__')
FROM (
  SELECT *, json_extract(evaluation_event, '$.dagster_event.event_specific_data') AS event
  FROM asset_check_executions WHERE id IN (
    SELECT max(id) FROM asset_check_executions
    WHERE asset_key IN (SELECT value FROM json_each(?)) GROUP BY asset_key, check_name
  )
)
WHERE json_extract(event, '$.__class__') = 'AssetCheckEvaluation' ORDER BY asset_key, check_name
"""
_CHECKED_IN_POSTGRES: Final = """
SELECT asset_key, check_name, run_id, create_timestamp::text, (event ->> 'success')::boolean,
  event -> 'severity' ->> '__enum__'
FROM (
  SELECT *, evaluation_event::json -> 'dagster_event' -> 'event_specific_data' AS event
  FROM asset_check_executions WHERE id IN (
    SELECT max(id) FROM asset_check_executions WHERE asset_key = ANY(%s) GROUP BY asset_key, check_name
  )
) AS newest
WHERE event ->> '__class__' = 'AssetCheckEvaluation' ORDER BY asset_key, check_name
"""


@dataclass(frozen=True, slots=True)
class Materialization:
    """One materialization of a product; members that its run did not record are None."""

    product: str
    at: datetime
    run_id: str
    version: int | None = None
    rows: int | None = None
    """Rows of the whole table at that time."""
    rows_written: int | None = None
    seconds: float | None = None
    bytes: int | None = None
    """The files of the whole table at that time."""
    bytes_read: int | None = None
    inputs: Mapping[str, int] | None = None
    """The version of each input. None for versions of platform_core that did not record it."""
    references: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The facts of each source outside of the mesh that was read."""
    latest_event: datetime | None = None
    """The time of the newest event of a stream."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed after a product was made, or failed checks of its data."""

    product: str
    since: datetime
    run_id: str
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The newest result of a check."""

    outcome: Outcome
    at: datetime
    run_id: str


@contextmanager
def recorded(root: Path) -> Iterator[dg.DagsterInstance | None]:
    """The instance of a mesh for reading; None if nothing has run yet. Raises RunError R010 or
    DeploymentError E030 if its database cannot be used, in the block too."""
    home, deployment = Home.of(root), current_deployment()
    folder = home.dagster
    if deployment is not None and deployment.instance is not None:
        home.prepare(root)
        with one_process(deployment):
            import dagster as dg

            opened = dg.DagsterInstance.from_config(str(folder))
        with database_faults(deployment.instance), opened:
            yield opened
        return
    if not (folder / "dagster.yaml").exists() or not (folder / "history").exists():
        yield None
        return
    import dagster as dg
    from sqlalchemy.exc import DBAPIError

    try:
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            yield instance
    except DBAPIError as error:
        message = f"Dagster's database in {shown(folder)} cannot be read or written: {error.orig}"
        raise RunError.of(
            "R010", message, fix="Free some space, or correct the rights of the folder."
        ) from None


def newest(instance: dg.DagsterInstance, products: Iterable[str]) -> dict[str, Materialization]:
    """The last materialization of each product that has one."""
    records = instance.get_asset_records([_key(product) for product in products])
    entries = [record.asset_entry.last_materialization for record in records]
    return {made.product: made for made in (materialized(entry) for entry in entries if entry is not None)}


def every(instance: dg.DagsterInstance, product: str) -> Iterator[Materialization]:
    """All materializations of a product in the instance, the newest first. A run over many partitions is one,
    although Dagster keeps an event for each partition."""
    cursor: str | None = None
    known: set[tuple[str, int | None]] = set()
    while True:
        page = instance.fetch_materializations(_key(product), limit=PAGE, cursor=cursor)
        for record in page.records:
            made = materialized(record.event_log_entry)
            if (made.run_id, made.version) not in known:
                known.add((made.run_id, made.version))
                yield made
        cursor = page.cursor
        if not page.has_more:
            return


def materializations(instance: dg.DagsterInstance, since: datetime) -> Iterator[Materialization]:
    """The materializations of all products since a time, in their order. A run over many partitions is
    one."""
    import dagster as dg

    from platform_core.workspace.records.events import events

    known: set[tuple[str, str, int | None]] = set()
    for _, entry in events(instance, [dg.DagsterEventType.ASSET_MATERIALIZATION], since=since):
        made = materialized(entry)
        if (key := (made.product, made.run_id, made.version)) not in known:
            known.add(key)
            yield made


def failures(
    instance: dg.DagsterInstance,
    products: Sequence[DataProduct],
    made: Mapping[str, Materialization],
    checks: Mapping[str, Mapping[str, CheckResult]],
) -> dict[str, Failure]:
    """The failures since each product was last made: its runs, and failed ``checks`` of its data."""
    import dagster as dg

    broken = {
        product: {name: each for name, each in results.items() if each.outcome == "failed"}
        for product, results in checks.items()
    }
    found = {
        product: Failure(product, last.at, last.run_id, tuple(results))
        for product, results in broken.items()
        for last in [*results.values()][-1:]
    }
    ids = {product.id for product in products}
    only = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])
    # The oldest failure comes last and wins: since then the product fails.
    for record in instance.get_run_records(only, limit=FAILED_RUNS):
        for key in record.dagster_run.asset_selection or ():
            product = "/".join(key.path)
            if product in ids and _failed_since(instance, record, made.get(product)):
                ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else None
                run, names = record.dagster_run.run_id, tuple(broken.get(product, ()))
                found[product] = Failure(product, ended or record.create_timestamp, run, names)
    return found


def _failed_since(instance: dg.DagsterInstance, record: dg.RunRecord, made: Materialization | None) -> bool:
    """Whether a failed run failed a product after it was made, possibly by the same run: a stream may publish
    a batch and fail at the next one."""
    import dagster as dg

    if made is None or record.create_timestamp > made.at:
        return True
    run, step = record.dagster_run.run_id, ProductId(made.product).step
    if made.run_id != run:
        return False
    failed = instance.get_records_for_run(run, of_type=dg.DagsterEventType.STEP_FAILURE).records
    return any(each.event_log_entry.step_key == step for each in failed)


def checked(folder: Path, products: Iterable[DataProduct]) -> dict[str, dict[str, CheckResult]]:
    """The newest result of each check by product and name, without products that were never checked.

    It reads the database in ``folder`` directly, because importing Dagster takes longer than the rest of
    ``mesh show``. ``tests/workspace/records/test_products.py`` compares it with Dagster's own results.
    """
    names = {json.dumps(ProductId(p.id).path): (p.id, {rule.name for rule in p.rules}) for p in products}
    found: dict[str, dict[str, CheckResult]] = {}
    for key, name, run_id, created, passed, severity in _rows(folder, list(names)):
        product, rules = names[key]
        if name in rules:
            result: Outcome = "passed" if passed else "warned" if severity.endswith(".WARN") else "failed"
            at = datetime.fromisoformat(created).replace(tzinfo=UTC)
            found.setdefault(product, {})[name] = CheckResult(result, at, run_id)
    return found


def _rows(folder: Path, keys: list[str]) -> list[tuple[Any, ...]]:
    deployment = current_deployment()
    if deployment is not None and deployment.instance is not None:
        with connected(deployment.instance) as cursor:
            cursor.execute("SELECT to_regclass('asset_check_executions') IS NOT NULL")
            if cursor.fetchone() == (True,):
                cursor.execute(_CHECKED_IN_POSTGRES, [keys])
                return cursor.fetchall()
        return []
    database = folder / "history" / "runs" / "index.db"
    if not database.exists():
        return []
    read_only = f"{database.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(read_only, uri=True, timeout=30)) as connection:
        return connection.execute(_CHECKED, [json.dumps(keys)]).fetchall()


def outcome(evaluation: dg.AssetCheckEvaluation) -> Outcome:
    if evaluation.passed:
        return "passed"
    return "warned" if evaluation.severity.value == "WARN" else "failed"


def _key(product: str) -> dg.AssetKey:
    import dagster as dg

    return dg.AssetKey(ProductId(product).path)


def materialized(entry: dg.EventLogEntry) -> Materialization:
    """The materialization that an event records."""
    event = entry.asset_materialization
    assert event is not None  # the record is one of a materialization
    metadata: dict[str, Any] = {name: value.value for name, value in event.metadata.items()}
    latest = metadata.get("mesh/latest_event_time")
    return Materialization(
        product="/".join(event.asset_key.path),
        at=datetime.fromtimestamp(entry.timestamp, UTC),
        run_id=entry.run_id,
        version=metadata.get("mesh/version"),
        rows=metadata.get("dagster/row_count"),
        rows_written=metadata.get("mesh/rows_written"),
        seconds=metadata.get("mesh/seconds"),
        bytes=metadata.get("mesh/bytes"),
        bytes_read=metadata.get("mesh/bytes_read"),
        inputs=metadata.get("mesh/inputs"),
        references=metadata.get("mesh/references") or {},
        sources=metadata.get("mesh/sources") or {},
        latest_event=datetime.fromtimestamp(latest, UTC) if latest is not None else None,
    )


def publications(location: LakeLocation, products: Iterable[DataProduct]) -> dict[str, tuple[Published, ...]]:
    """The versions of each product in the lakes, the newest first, without damaged lakes."""
    lakes = {product.lake for product in products}
    found = from_each_lake(location, lakes, published)[0] if lakes else {}
    return {name: versions for each in found.values() for name, versions in each.items()}


def stored(location: LakeLocation, products: Iterable[DataProduct]) -> dict[str, int]:
    """The bytes of each product with its old versions: the files of its table, and those of a file or model
    product. Products whose lake may not be read are left out."""
    wanted = [product for product in products if location.is_readable(product.lake)]
    if not wanted:
        return {}
    with connect(location, read={product.lake for product in wanted}) as connection:
        return {p.id: bytes_kept(connection, p) + ProductFiles(location, p).bytes_kept() for p in wanted}
