"""Write, audit and publish: the versions that readers see."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from small_mesh import publish_pinned

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window
from platform_core.diagnostics import DefinitionError, LakeError
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.lock import lake_lock
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import history, latest

Con = duckdb.DuckDBPyConnection


class Refused(Exception):
    pass


def accept(_relation: str) -> str:
    return "audited"


def refuse(_relation: str) -> None:
    raise Refused


def rows(con: Con, relation: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    assert row is not None
    return int(row[0])


def hours(first: str, count: int) -> str:
    return f"SELECT i, TIMESTAMP '{first}' + INTERVAL (i) HOUR AS sold FROM range({count}) r(i)"


def code(error: pytest.ExceptionInfo[LakeError] | pytest.ExceptionInfo[DefinitionError]) -> str:
    return error.value.diagnostics[0].code


def assert_unlocked(location: LocalLakes) -> None:
    with lake_lock(location, "sales", holder="test", timeout=0):
        pass


def start_writer(location: LocalLakes, folder: Path, select: str, audit: str) -> subprocess.Popen[bytes]:
    """A process that publishes ``sales/baskets`` and reports it on standard output."""
    script = folder / "writer.py"
    script.write_text(
        textwrap.dedent(f"""
        import os
        from pathlib import Path
        from platform_core.contracts.model import DataProduct
        from platform_core.diagnostics import Place
        from platform_core.lake.connect import connect
        from platform_core.lake.local.lakes import LocalLakes
        from platform_core.lake.local.lakes import LocalLakes
        from platform_core.lake.transaction import Stamp
        from platform_core.lake.publication.tables import publish_table
        product = DataProduct("sales", "baskets", Path("x"), Place(Path("x")), "1", "active", (), ())
        location = LocalLakes(Path({str(location.root)!r}))
        with connect(location, write=["sales"]) as con:
            print("writing", flush=True)
            publish_table(con, location, product, {select!r}, stamp=Stamp("run-2", "sales/baskets"),
                          audit=lambda relation: {audit})
        """)
    )
    return subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_publication_counts_the_rows_that_it_wrote(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp
) -> None:
    done = publish_table(con, location, product, "FROM range(1000)", stamp=stamp, audit=accept)

    files = list(location.data_folder("sales").rglob("*.parquet"))
    assert (done.rows, done.rows_written, done.audited) == (1000, 1000, "audited")
    assert done.bytes == sum(file.stat().st_size for file in files) > 0
    with connect(location, read=["sales"]) as reader:
        assert rows(reader, "sales.products.baskets") == 1000
        found = latest(reader, product)
    assert found is not None
    assert (found.version, found.run_id, found.rows, found.bytes) == (done.version, "run-1", 1000, done.bytes)


def test_even_three_rows_are_counted_in_files(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp
) -> None:
    assert publish_table(con, location, product, "FROM range(3)", stamp=stamp, audit=accept).bytes > 0


def test_the_snapshot_carries_run_asset_and_rows(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp
) -> None:
    publish_table(con, location, product, "FROM range(3)", stamp=stamp, audit=accept)

    row = con.execute(
        "SELECT author, commit_message, commit_extra_info FROM sales.snapshots() ORDER BY ALL DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    assert row[:2] == ("dagster", "run run-1")
    facts = json.loads(row[2])
    assert (facts["asset"], facts["run_id"], facts["rows"]) == ("sales/baskets", "run-1", 3)


def test_the_audit_sees_the_uncommitted_version_and_readers_do_not(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp
) -> None:
    publish_table(con, location, product, "FROM range(1)", stamp=stamp, audit=accept)
    seen: list[tuple[int, int]] = []

    def look(relation: str) -> None:
        with connect(location, read=["sales"]) as reader:
            seen.append((rows(con, relation), rows(reader, "sales.products.baskets")))

    publish_table(con, location, product, "FROM range(2)", stamp=stamp, audit=look)

    assert seen == [(2, 1)]


@pytest.mark.parametrize("reason", [Refused, KeyboardInterrupt, SystemExit])
def test_a_refused_version_is_gone(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp, reason: type[BaseException]
) -> None:
    def stop(_relation: str) -> None:
        raise reason

    publish_table(con, location, product, "FROM range(5)", stamp=stamp, audit=accept)
    before = history(con, product)

    with pytest.raises(reason):
        publish_table(con, location, product, "FROM range(7)", stamp=stamp, audit=stop)

    with connect(location, read=["sales"]) as reader:
        assert rows(reader, "sales.products.baskets") == 5
        assert history(reader, product) == before
    assert len(list(location.data_folder("sales").rglob("*.parquet"))) == 1
    assert_unlocked(location)


def test_a_refused_first_version_leaves_nothing(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp
) -> None:
    with pytest.raises(Refused):
        publish_table(con, location, product, "FROM range(7)", stamp=stamp, audit=refuse)

    assert latest(con, product) is None
    with pytest.raises(duckdb.CatalogException):
        rows(con, "sales.products.baskets")


def test_ctrl_c_while_the_table_is_written(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp, tmp_path: Path
) -> None:
    publish_table(con, location, product, "FROM range(5)", stamp=stamp, audit=accept)
    select = "SELECT i, random() FROM range(2000000000) r(i)"
    writer = start_writer(location, tmp_path, select, "None")
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.readline()
    # Long enough to be inside of the statement, which would take minutes.
    time.sleep(1.0)
    assert writer.poll() is None
    writer.send_signal(signal.SIGINT)
    errors = writer.communicate(timeout=300)[1].decode()

    assert writer.returncode != 0
    assert "KeyboardInterrupt" in errors
    assert rows(con, "sales.products.baskets") == 5
    assert_unlocked(location)
    assert not list(location.root.glob(".spill-*/*"))


def test_partitions_are_written_one_by_one(
    con: Con, location: LocalLakes, monthly: DataProduct, january: Window, february: Window
) -> None:
    stamp = Stamp("run-1", monthly.id)
    for window, first, count in (
        (january, "2017-01-01 05:00", 31 * 24),
        (february, "2017-02-01 05:00", 28 * 24),
        (january, "2017-01-02 05:00", 24),
    ):
        done = publish_table(
            con, location, monthly, hours(first, count), window=window, stamp=stamp, audit=accept
        )
    assert (done.rows, done.rows_written) == (24 + 28 * 24, 24)
    assert [version.partition for version in history(con, monthly)] == [
        "2017-01-01",
        "2017-02-01",
        "2017-01-01",
    ]
    assert rows(con, "(FROM sales.products.monthly WHERE sold >= '2017-02-01 05:00')") == 28 * 24


def test_a_run_over_the_whole_grid_replaces_the_table(
    con: Con, location: LocalLakes, monthly: DataProduct, january: Window, february: Window
) -> None:
    stamp = Stamp("run-1", monthly.id)
    publish_table(con, location, monthly, hours("2017-01-05", 3), window=january, stamp=stamp, audit=accept)
    whole = Window("2017-01-01...2017-02-01", january.start, february.end)
    done = publish_table(
        con,
        location,
        monthly,
        "SELECT TIMESTAMP '2017-02-03' AS sold, 'new' AS word",
        window=whole,
        replace=True,
        stamp=stamp,
        audit=accept,
    )
    assert done.rows == 1
    assert con.execute("FROM sales.products.monthly").fetchall()[0][1] == "new"


@pytest.mark.parametrize(
    ("select", "words"),
    [
        ("SELECT i, sold, 1 AS more FROM ({})", '"more" is new'),
        ("SELECT sold FROM ({})", '"i" is gone'),
        ("SELECT i::VARCHAR AS i, sold FROM ({})", '"i" was BIGINT and is VARCHAR'),
    ],
)
def test_a_partition_with_other_columns_is_refused(
    con: Con, location: LocalLakes, monthly: DataProduct, january: Window, select: str, words: str
) -> None:
    stamp = Stamp("run-1", monthly.id)
    query = hours("2017-01-05", 3)
    publish_table(con, location, monthly, query, window=january, stamp=stamp, audit=accept)

    with pytest.raises(DefinitionError) as error:
        publish_table(con, location, monthly, select.format(query), window=january, stamp=stamp, audit=accept)

    assert code(error) == "L006"
    assert words in str(error.value)
    assert "all partitions" in str(error.value)
    assert_unlocked(location)


def test_columns_in_another_order_are_the_same_columns(
    con: Con, location: LocalLakes, monthly: DataProduct, january: Window
) -> None:
    stamp = Stamp("run-1", monthly.id)
    query = hours("2017-01-05", 3)
    publish_table(con, location, monthly, query, window=january, stamp=stamp, audit=accept)
    publish_table(
        con, location, monthly, f"SELECT sold, i FROM ({query})", window=january, stamp=stamp, audit=accept
    )
    assert con.execute("SELECT max(i) FROM sales.products.monthly").fetchall() == [(2,)]


@pytest.mark.parametrize("replace_all", [False, True])
@pytest.mark.parametrize(
    "stray", ["TIMESTAMP '2017-01-01 04:59:59'", "TIMESTAMP '2017-02-01 05:00'", "NULL::TIMESTAMP"]
)
def test_rows_outside_of_the_partition_are_refused(
    con: Con, location: LocalLakes, monthly: DataProduct, january: Window, stray: str, replace_all: bool
) -> None:
    stamp = Stamp("run-1", monthly.id)
    publish_table(con, location, monthly, hours("2017-01-05", 3), window=january, stamp=stamp, audit=accept)

    with pytest.raises(DefinitionError) as error:
        publish_table(
            con,
            location,
            monthly,
            f"{hours('2017-01-05', 5)} UNION ALL SELECT 9, {stray}",
            window=january,
            replace=replace_all,
            stamp=stamp,
            audit=accept,
        )

    assert code(error) == "L007"
    assert "1 of 6 rows" in str(error.value)
    assert rows(con, "sales.products.monthly") == 3


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [
        ("2017-01-01", "2017-01-31", "DATE"),
        ("2017-01-01 05:00", "2017-02-01 04:59:59.999", "TIMESTAMP"),
        ("2017-01-01 05:00", "2017-02-01 04:59:59.999", "TIMESTAMP_MS"),
        ("2017-01-01 00:00:00-05", "2017-01-31 23:59:59-05", "TIMESTAMPTZ"),
    ],
)
def test_the_partition_column_may_be_of_any_type_of_time(
    con: Con, location: LocalLakes, monthly: DataProduct, january: Window, first: str, last: str, kind: str
) -> None:
    query = f"SELECT unnest(['{first}', '{last}'])::{kind} AS sold"
    done = publish_table(
        con, location, monthly, query, window=january, stamp=Stamp("r", monthly.id), audit=accept
    )
    assert done.rows == 2
    day_after = f"SELECT '{last}'::{kind} + INTERVAL 1 DAY AS sold"
    with pytest.raises(DefinitionError) as error:
        publish_table(
            con,
            location,
            monthly,
            f"SELECT sold::{kind} AS sold FROM ({day_after})",
            window=january,
            stamp=Stamp("r", monthly.id),
            audit=accept,
        )
    assert code(error) == "L007"


@pytest.mark.parametrize("query", ["SELECT 1 AS i", "SELECT 'soon' AS sold"])
def test_a_partition_column_of_another_type_is_refused(
    con: Con, location: LocalLakes, monthly: DataProduct, january: Window, query: str
) -> None:
    with pytest.raises(DefinitionError) as error:
        publish_table(
            con, location, monthly, query, window=january, stamp=Stamp("r", monthly.id), audit=accept
        )
    assert code(error) == "L008"


@pytest.mark.parametrize(
    "query", ["SELECT nothing", "SELEKT", "SELECT 'x'::INTEGER AS i", "SELECT * FROM no_such_table"]
)
def test_a_query_that_fails_is_one_message(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp, query: str
) -> None:
    publish_table(con, location, product, "FROM range(5)", stamp=stamp, audit=accept)

    with pytest.raises(DefinitionError) as error:
        publish_table(con, location, product, query, stamp=stamp, audit=accept)

    assert code(error) == "L010"
    assert "LINE 1" not in str(error.value)
    assert rows(con, "sales.products.baskets") == 5
    assert_unlocked(location)


def test_a_pinned_view_of_before_is_read_until_a_table_takes_its_place(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp
) -> None:
    con.execute("CREATE TABLE sales.staging.baskets AS FROM range(100) r(i)")
    version = publish_pinned(con, location, product, stamp)
    con.execute("CREATE OR REPLACE TABLE sales.staging.baskets AS SELECT 'later' AS word")

    with connect(location, read=["sales"]) as reader:
        assert reader.execute("SELECT max(i) FROM sales.products.baskets").fetchall() == [(99,)]
        found = latest(reader, product)
    assert found is not None
    assert (found.version, found.rows) == (version, 100)
    assert found.bytes

    with pytest.raises(Refused):
        publish_table(con, location, product, "FROM range(7)", stamp=stamp, audit=refuse)
    assert rows(con, "sales.products.baskets") == 100
    publish_table(con, location, product, "FROM range(7)", stamp=stamp, audit=accept)
    assert rows(con, "sales.products.baskets") == 7
    assert [version.rows for version in history(con, product)] == [7, 100]


def test_history_knows_only_its_own_product(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp
) -> None:
    other = replace(product, name="stores")
    publish_table(con, location, product, "FROM range(1)", stamp=stamp, audit=accept)
    publish_table(con, location, other, "FROM range(2)", stamp=Stamp("run-2", other.id), audit=accept)

    assert [version.rows for version in history(con, product)] == [1]
    assert [version.run_id for version in history(con, other)] == ["run-2"]
    assert history(con, replace(product, domain="hr")) == ()


def test_names_and_words_need_no_care(con: Con, location: LocalLakes, product: DataProduct) -> None:
    odd = replace(product, name="bas\"ket's")
    publish_table(
        con, location, odd, "SELECT 1 AS i", stamp=Stamp("run's", odd.id), audit=lambda r: rows(con, r)
    )
    found = latest(con, odd)
    assert found is not None
    assert found.run_id == "run's"


def test_a_killed_writer_leaves_a_lake_to_read_and_write(
    con: Con, location: LocalLakes, product: DataProduct, stamp: Stamp, tmp_path: Path
) -> None:
    publish_table(con, location, product, "FROM range(5)", stamp=stamp, audit=accept)
    writer = start_writer(location, tmp_path, "FROM range(9)", "os.kill(os.getpid(), 9)")
    writer.communicate(timeout=300)
    assert writer.returncode == -signal.SIGKILL

    assert rows(con, "sales.products.baskets") == 5
    publish_table(con, location, product, "FROM range(6)", stamp=stamp, audit=accept)
    assert rows(con, "sales.products.baskets") == 6
