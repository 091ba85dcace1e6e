"""What the instance and the lakes remember of products: read without loading any location."""

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
from platform_core.lake.connect import connect
from platform_core.lake.damage import from_each_lake
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.reading import bytes_kept
from platform_core.lake.versions import Published, published
from platform_core.workspace.check_counts import Outcome
from platform_core.workspace.home import Home

if TYPE_CHECKING:
    import dagster as dg

PAGE: Final = 500
FAILED_RUNS: Final = 1000
"""So many of the newest failed runs are looked at."""
# A run that failed before its checks leaves them planned, with another class of event.
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


@dataclass(frozen=True, slots=True)
class Materialization:
    """One materialization of a product, as its run recorded it; None where it recorded nothing."""

    product: str
    at: datetime
    run_id: str
    version: int | None = None
    rows: int | None = None
    """Those of the whole table, when it was made."""
    rows_written: int | None = None
    seconds: float | None = None
    bytes_read: int | None = None
    inputs: Mapping[str, int] | None = None
    """The version read of each input. None before platform_core recorded it."""
    references: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a product's newest state is not well: runs that failed since it was made, or its checks."""

    product: str
    since: datetime
    run_id: str
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of a product found last."""

    outcome: Outcome
    at: datetime
    run_id: str


@contextmanager
def recorded(root: Path) -> Iterator[dg.DagsterInstance | None]:
    """The instance of a mesh, to be read; None where nothing was ever run. Makes none."""
    folder = Home.of(root).dagster
    if not (folder / "dagster.yaml").exists() or not (folder / "history").exists():
        yield None
        return
    import dagster as dg

    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def newest(instance: dg.DagsterInstance, products: Iterable[str]) -> dict[str, Materialization]:
    """The last materialization of each product that has one."""
    found = {}
    for record in instance.get_asset_records([_key(product) for product in products]):
        entry = record.asset_entry.last_materialization
        if entry is not None:
            made = _made(entry)
            found[made.product] = made
    return found


def every(instance: dg.DagsterInstance, product: str) -> Iterator[Materialization]:
    """All materializations of a product that the instance keeps, the newest first.

    A run over many partitions is one: Dagster keeps an event for each, all of the same version.
    """
    cursor: str | None = None
    told: set[tuple[str, int | None]] = set()
    while True:
        page = instance.fetch_materializations(_key(product), limit=PAGE, cursor=cursor)
        for record in page.records:
            made = _made(record.event_log_entry)
            if (made.run_id, made.version) not in told:
                told.add((made.run_id, made.version))
                yield made
        cursor = page.cursor
        if not page.has_more:
            return


def failures(
    instance: dg.DagsterInstance,
    products: Sequence[DataProduct],
    made: Mapping[str, Materialization],
    checks: Mapping[str, Mapping[str, CheckResult]],
) -> dict[str, Failure]:
    """What failed since each product was last made: its runs, and error-level ``checks`` of its data."""
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
    failed = instance.get_run_records(only, limit=FAILED_RUNS)
    # The oldest last: what counts is since when a product fails.
    for record in failed:
        for key in record.dagster_run.asset_selection or ():
            product = "/".join(key.path)
            if product in ids and _failed_since(instance, record, made.get(product)):
                ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else None
                run, names = record.dagster_run.run_id, tuple(broken.get(product, ()))
                found[product] = Failure(product, ended or record.create_timestamp, run, names)
    return found


def _failed_since(instance: dg.DagsterInstance, record: dg.RunRecord, made: Materialization | None) -> bool:
    """Whether a failed run failed a product after it was made, be it by the same run: as a stream does
    that publishes a batch and is refused the next."""
    import dagster as dg

    if made is None or record.create_timestamp > made.at:
        return True
    run, step = record.dagster_run.run_id, ProductId(made.product).step
    if made.run_id != run:
        return False
    failed = instance.get_records_for_run(run, of_type=dg.DagsterEventType.STEP_FAILURE).records
    return any(each.event_log_entry.step_key == step for each in failed)


def checked(folder: Path, products: Iterable[DataProduct]) -> dict[str, dict[str, CheckResult]]:
    """The newest result of each check by its name, by product; without products that were never checked.

    Asks the database of the instance in ``folder`` itself: to import Dagster takes longer than all the rest
    of ``mesh show``. ``tests/workspace/test_records.py`` compares it with what Dagster says.
    """
    names = {json.dumps(ProductId(p.id).path): (p.id, {rule.name for rule in p.rules}) for p in products}
    database = folder / "history" / "runs" / "index.db"
    found: dict[str, dict[str, CheckResult]] = {}
    if not database.exists():
        return found
    with closing(
        sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
    ) as connection:
        rows = connection.execute(_CHECKED, [json.dumps(list(names))]).fetchall()
    for key, name, run_id, created, passed, severity in rows:
        product, rules = names[key]
        if name in rules:
            result: Outcome = "passed" if passed else "warned" if severity.endswith(".WARN") else "failed"
            at = datetime.fromisoformat(created).replace(tzinfo=UTC)
            found.setdefault(product, {})[name] = CheckResult(result, at, run_id)
    return found


def outcome(evaluation: dg.AssetCheckEvaluation) -> Outcome:
    if evaluation.passed:
        return "passed"
    return "warned" if evaluation.severity.value == "WARN" else "failed"


def _key(product: str) -> dg.AssetKey:
    import dagster as dg

    return dg.AssetKey(ProductId(product).path)


def _made(entry: dg.EventLogEntry) -> Materialization:
    said = entry.asset_materialization
    assert said is not None  # a materialization's record has one
    metadata: dict[str, Any] = {name: value.value for name, value in said.metadata.items()}
    return Materialization(
        product="/".join(said.asset_key.path),
        at=datetime.fromtimestamp(entry.timestamp, UTC),
        run_id=entry.run_id,
        version=metadata.get("mesh/version"),
        rows=metadata.get("dagster/row_count"),
        rows_written=metadata.get("mesh/rows_written"),
        seconds=metadata.get("mesh/seconds"),
        bytes_read=metadata.get("mesh/bytes_read"),
        inputs=metadata.get("mesh/inputs"),
        references=metadata.get("mesh/references") or {},
    )


def publications(location: LakeLocation, products: Iterable[DataProduct]) -> dict[str, tuple[Published, ...]]:
    """The versions that the lakes keep of each product, the newest first; without those of damaged lakes."""
    lakes = {product.lake for product in products}
    found = from_each_lake(location, lakes, published)[0] if lakes else {}
    return {name: versions for each in found.values() for name, versions in each.items()}


def stored(location: LakeLocation, products: Iterable[DataProduct]) -> dict[str, int]:
    """The bytes that are kept for each product, of old versions too: its table's files, and the files
    that a file or model product keeps beside it. Without the products whose lake may not be read."""
    wanted = [product for product in products if location.is_readable(product.lake)]
    if not wanted:
        return {}
    with connect(location, read={product.lake for product in wanted}) as connection:
        return {p.id: bytes_kept(connection, p) + ProductFiles(location, p).bytes_kept() for p in wanted}
