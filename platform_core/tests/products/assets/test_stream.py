"""Streams: each batch is published once, and consumers read new rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from small_mesh import SmallMesh

from platform_core.diagnostics import DefinitionError, LakeError
from platform_core.workspace.records.products import failures, newest

CLICKS = """\
    physicalType: stream
    customProperties: [{property: eventTime, value: clicked, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal, description: "No."}
      - {name: clicked, logicalType: timestamp, required: true, description: "When."}
      - {name: page, logicalType: string, enum: [{value: home}, {value: shop}]}
"""
INBOX = """
@data_product(inputs={"inbox": Source("till/clicks", path=INBOX)})
def clicks(inbox):
    for batch in inbox:
        yield Batch(batch.id, f"SELECT id, clicked::TIMESTAMP AS clicked, page FROM {batch}")
"""
VISITS = """
@data_product(inputs={"clicks": Input("shop/clicks", changes=True)})
def visits(clicks: Table) -> str:
    return f"SELECT id, clicked, page FROM {clicks}"
"""


class Clicks:
    """The stream ``shop/clicks`` of files, with the consumer ``other/visits`` of its new rows."""

    def __init__(self, mesh: SmallMesh, instance: dg.DagsterInstance, tmp_path: Path) -> None:
        self.mesh, self.instance = mesh, instance
        self.inbox = tmp_path / "inbox"
        self.inbox.mkdir()
        mesh.contract("shop/clicks", CLICKS)
        mesh.contract("other/visits", CLICKS)
        mesh.code("shop", INBOX.replace("INBOX", repr(str(self.inbox / "*.parquet"))))
        mesh.code("other", VISITS)

    def deliver(self, name: str, ids: range, day: int = 1, page: str = "home") -> Path:
        path = self.inbox / f"{name}.parquet"
        query = f"SELECT i AS id, TIMESTAMP '2024-05-{day:02} 10:00:00' AS clicked, '{page}' AS page"
        duckdb.sql(f"COPY ({query} FROM range({ids.start}, {ids.stop}) t(i)) TO '{path}'")
        return path

    def run(self, product: str = "shop/clicks") -> dg.ExecuteInProcessResult:
        return self.mesh.run(product.split("/")[0], product, self.instance)

    def told(self, product: str = "shop/clicks") -> dict[str, Any]:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(product.split("/")))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}

    def ids(self, product: str = "shop/clicks") -> list[Any]:
        lake = product.split("/")[0]
        query = f"SELECT id FROM {product.replace('/', '.products.')} ORDER BY id"
        return [row[0] for row in self.mesh.read(query, lake)]


@pytest.fixture
def clicks(mesh: SmallMesh, instance: dg.DagsterInstance, tmp_path: Path) -> Clicks:
    return Clicks(mesh, instance, tmp_path)


def reason(result: dg.ExecuteInProcessResult) -> str:
    return next(
        str(e.event_specific_data.user_failure_data.description) for e in result.get_step_failure_events()
    )


def test_every_batch_is_published_once(clicks: Clicks) -> None:
    clicks.deliver("a", range(3), day=2)
    clicks.deliver("b", range(3, 5), day=1)
    assert clicks.run().success
    assert clicks.ids() == [0, 1, 2, 3, 4]
    told = clicks.told()
    assert (told["mesh/batches_published"], told["mesh/batches_skipped"], told["mesh/batches_late"]) == (
        2,
        0,
        1,
    )
    assert told["mesh/latest_event_time"] == 1714644000.0

    again = clicks.deliver("a", range(3), day=2)
    os.utime(again, (1, 1))
    clicks.deliver("c", range(5, 6))
    assert clicks.run().success
    assert clicks.ids() == [0, 1, 2, 3, 4, 5]
    told = clicks.told()
    assert (told["mesh/batches_published"], told["mesh/batches_skipped"]) == (1, 2)
    assert (told["dagster/row_count"], told["mesh/rows_written"], told["mesh/batches"]) == (6, 1, 3)


def test_other_rows_under_a_known_id_are_refused_and_the_next_batch_is_not(clicks: Clicks) -> None:
    clicks.deliver("a", range(3))
    assert clicks.run().success
    clicks.deliver("a", range(4))
    clicks.deliver("b", range(7, 8))
    result = clicks.run()
    assert not result.success
    assert reason(result).count("error[") == 1
    assert "L040" in reason(result)
    assert "3 rows" in reason(result)
    assert "4 rows" in reason(result)
    assert clicks.ids() == [0, 1, 2, 7]


def test_a_half_written_batch_waits_until_it_is_whole(clicks: Clicks) -> None:
    clicks.deliver("a", range(3))
    whole = clicks.deliver("b", range(3, 900))
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    result = clicks.run()
    assert not result.success
    assert reason(result).startswith("error[S010]: the batch b.parquet of till/clicks is half-written")
    assert reason(result).count("error[") == 1
    assert clicks.ids() == [0, 1, 2]

    whole.write_bytes(content)
    assert clicks.run().success
    assert len(clicks.ids()) == 900


@pytest.mark.parametrize(
    ("rows", "page", "check"), [(range(2, 5), "home", "unique"), (range(5, 9), "cellar", "accepted")]
)
def test_no_reader_sees_a_batch_that_fails_its_contract(
    clicks: Clicks, rows: range, page: str, check: str
) -> None:
    clicks.deliver("a", range(3))
    assert clicks.run().success
    clicks.deliver("b", rows, page=page)
    clicks.deliver("c", range(20, 21))
    result = clicks.run()
    assert not result.success
    assert reason(result).count("error[") == 1
    assert 'batch "b.parquet"' in reason(result)
    assert clicks.ids() == [0, 1, 2, 20]
    failed = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert [check in evaluation.check_name for evaluation in failed] == [True]


def test_a_consumer_in_another_domain_reads_only_new_rows(clicks: Clicks) -> None:
    clicks.deliver("a", range(3))
    assert clicks.run().success
    assert clicks.run("other/visits").success
    assert clicks.told("other/visits")["mesh/rows_written"] == 3
    clicks.deliver("b", range(3, 5))
    clicks.deliver("c", range(5, 9))
    assert clicks.run().success
    assert clicks.run("other/visits").success
    told = clicks.told("other/visits")
    assert told["mesh/rows_written"] == 6
    assert told["mesh/inputs"] == {"shop/clicks": clicks.told()["mesh/version"]}
    assert 0 < told["mesh/bytes_read"] < clicks.told()["mesh/bytes"]
    assert clicks.run("other/visits").success
    assert clicks.told("other/visits")["mesh/batches_published"] == 0
    assert clicks.ids("other/visits") == list(range(9))


def test_an_overdue_stream_is_reported_and_its_rows_stay(clicks: Clicks) -> None:
    contract = clicks.mesh.contract("shop/clicks", CLICKS)
    age = "  - {property: latency, value: 3, unit: d, element: clicks.clicked}\n"
    contract.write_text(contract.read_text().replace("schema:\n", f"{age}schema:\n"))
    clicks.deliver("a", range(3))
    result = clicks.run()
    assert result.success
    (late,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert (late.check_name, late.severity) == ("recency__clicked", dg.AssetCheckSeverity.ERROR)
    assert clicks.ids() == [0, 1, 2]
    assert clicks.told()["mesh/event_age_hours"] > 24 * 365


@pytest.mark.parametrize(
    ("stream", "table", "code"),
    [("shop/clicks", "other/visits", "D050"), ("other/visits", "shop/clicks", "D051")],
)
def test_changes_are_read_by_a_stream_of_a_stream(
    mesh: SmallMesh, stream: str, table: str, code: str
) -> None:
    plain = CLICKS.replace("    physicalType: stream\n", "").replace(
        "    customProperties: [{property: eventTime, value: clicked, vendor: platform-core}]\n", ""
    )
    mesh.contract(stream, CLICKS)
    mesh.contract(table, plain)
    mesh.code("other", VISITS)
    with pytest.raises(DefinitionError) as error:
        mesh.definitions("other")
    assert [fault.code for fault in error.value.diagnostics] == [code]


def test_other_values_than_batches_are_refused(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    mesh.contract("shop/clicks", CLICKS)
    mesh.code("shop", "@data_product\ndef clicks() -> str:\n    return 'SELECT 1 AS id'\n")
    result = mesh.run("shop", "shop/clicks", instance)
    assert "D053" in reason(result)


UNSURE = """
@data_product(inputs={"inbox": Source("till/clicks", path=INBOX)})
def clicks(inbox):
    for batch in inbox:
        yield Batch(batch.id, f"SELECT id, clicked::TIMESTAMP AS clicked, page FROM {batch}")
    yield Batch("by hand", rows)
    yield Batch("last", "SELECT 10::BIGINT AS id, TIMESTAMP '2024-05-02 10:00:00' AS clicked, 'shop' AS page")

def rows():
    raise ValueError("no rows today")
"""
GOOD = {
    "a": b"1,2024-05-01 10:00:00,home\n",
    "f": b"7,20000-01-01 10:00:00,home\n",
    "g": b"8,infinity,home\n",
    "h": b"9,2024-05-02 10:00:00,shop\n",
}
BAD = {
    "b": b"2,0044-03-15 (BC) 10:00:00,home\n" * 2,
    "c": "3,2024-05-01 10:00:00,Köln\n".encode("latin-1"),
    "d": b"4,2024-05-01 10:00:00,home\r\n5,2024-05-01 10:00:00,home\n" * 9,
    "e": b"6,soon,home\n",
}


def test_a_bad_batch_does_not_stop_others(clicks: Clicks) -> None:
    """Not even one with times that Python cannot hold. Each is named, and tried again in the next run."""
    clicks.mesh.code("shop", UNSURE.replace("INBOX", repr(str(clicks.inbox / "*.csv"))))
    for name, rows in {**GOOD, **BAD}.items():
        (clicks.inbox / f"{name}.csv").write_bytes(b"id,clicked,page\n" + rows)
    result = clicks.run()
    assert not result.success
    assert clicks.ids() == [1, 7, 8, 9, 10]
    said = reason(result)
    for name in (*(f"{name}.csv" for name in BAD), "by hand"):
        assert said.count(f'batch "{name}"') == 1, said
    assert "ValueError: no rows today" in said
    assert clicks.told()["mesh/batches_refused"] == 5
    assert clicks.told()["mesh/latest_event_time"] == 1714644000.0

    (clicks.inbox / "b.csv").write_bytes(b"id,clicked,page\n2,0044-03-15 (BC) 10:00:00,home\n")
    (clicks.inbox / "e.csv").write_bytes(b"id,clicked,page\n6,2024-04-01 10:00:00,home\n")
    assert not clicks.run().success
    assert clicks.ids() == [1, 2, 6, 7, 8, 9, 10]
    assert clicks.told()["mesh/batches_late"] == 1


def test_a_batch_whose_files_could_not_be_merged_after_it_is_published(
    clicks: Clicks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(stream: Any) -> None:
        raise LakeError.of("L003", "there is no room to write the lake")

    monkeypatch.setattr("platform_core.lake.publication.streams.COMPACT_EVERY", 1)
    monkeypatch.setattr("platform_core.lake.publication.streams.Stream.compact", full)
    for number in range(2):
        clicks.deliver(str(number), range(number, number + 1))
    result = clicks.run()
    assert not result.success
    assert "L003" in reason(result)
    assert clicks.ids() == [0, 1]
    assert (clicks.told()["mesh/batches_published"], clicks.told()["mesh/batches_refused"]) == (2, 0)


def put(path: Path, text: str, changed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (changed, changed))
    return path


def row(number: int) -> str:
    return f'[{{"id": {number}, "clicked": "2024-05-01 10:00:00", "page": "home"}}]'


def reading(clicks: Clicks, *patterns: str) -> None:
    """The stream reads inboxes of its folder."""
    numbers = range(len(patterns))
    sources = {f"in{n}": f"Source('till/in{n}', path={str(clicks.inbox / patterns[n])!r})" for n in numbers}
    inputs = ", ".join(f'"{name}": {source}' for name, source in sources.items())
    loop = f"for batch in [{', '.join(f'*{name}' for name in sources)}]:"
    made = INBOX.splitlines()[-1]
    code = f"@data_product(inputs={{{inputs}}})\ndef clicks({', '.join(sources)}):\n    {loop}\n{made}\n"
    clicks.mesh.code("shop", code)


def test_files_of_one_name_in_several_folders_are_several_batches(clicks: Clicks) -> None:
    reading(clicks, "*/*.json")
    for day in (1, 2, 3):
        put(clicks.inbox / f"dt=2024-01-0{day}" / "part-0.json", row(day))
    assert clicks.run().success
    assert clicks.ids() == [1, 2, 3]
    put(clicks.inbox / "dt=2024-01-04" / "part-0.json", row(4))
    assert clicks.run().success
    assert clicks.ids() == [1, 2, 3, 4]
    assert clicks.told()["mesh/last_batch"] == "dt=2024-01-04/part-0.json"


def test_names_that_differ_by_case_or_look_like_patterns_are_files(clicks: Clicks, tmp_path: Path) -> None:
    clicks.inbox = tmp_path / "[client] in"
    put(tmp_path / "c in" / "a.json", row(8))
    reading(clicks, "*.*")
    names = (
        "a.json",
        "A.json",
        "A.JSON",
        "data [2].json",
        "data 2.json",
        "[!a].json",
        "{a,b}.json",
        "it's.json",
    )
    for number, name in enumerate(names):
        put(clicks.inbox / name, row(number))
    assert clicks.run().success
    assert clicks.ids() == list(range(len(names)))


def test_batches_from_before_ids_had_folders_are_known(clicks: Clicks) -> None:
    reading(clicks, "*/*.json")
    now = clicks.mesh.root / "domains/shop/src/shop/products.py"
    for number, name in enumerate(("one/a.json", "two/b.json")):
        put(clicks.inbox / name, row(number))
    code = now.read_text()
    # As an earlier version called them: by the file's name, with the stamp of its state.
    before = code.replace("Batch(batch.id, ", 'Batch(batch.id.split("/")[-1], ').replace(
        '")\n', '", batch.fingerprint)\n'
    )
    assert before.count("split") == before.count("fingerprint") == 1
    now.write_text(before)
    assert clicks.run().success
    now.write_text(code)
    put(clicks.inbox / "a" / "a.json", row(2))
    assert clicks.run().success
    told = clicks.told()
    assert (told["mesh/batches_published"], told["mesh/batches_skipped"]) == (1, 2)
    assert clicks.ids() == [0, 1, 2]


def test_two_batches_of_one_id_in_one_run_are_refused(clicks: Clicks) -> None:
    reading(clicks, "one/*.json", "two/*.json")
    put(clicks.inbox / "one" / "a.json", row(1))
    put(clicks.inbox / "two" / "a.json", row(2))
    for _ in range(2):
        result = clicks.run()
        assert not result.success
        assert "L040" in reason(result)
        assert clicks.ids() == [1]


def test_files_that_no_pattern_matches_are_reported_once(clicks: Clicks) -> None:
    clicks.deliver("a", range(3))
    put(clicks.inbox / "B.PARQUET", "")

    def logged() -> list[str]:
        result = clicks.run()
        assert result.success
        logs = clicks.instance.all_logs(result.run_id)
        return [log.user_message for log in logs if "S013" in log.user_message]

    assert [message.count("B.PARQUET") for message in logged()] == [1]
    assert logged() == []
    told = clicks.told()
    assert (told["mesh/files_unmatched"], told["mesh/unmatched_files"]) == (
        1,
        str(clicks.inbox / "B.PARQUET"),
    )
    put(clicks.inbox / "late" / "c.parquet", "")
    assert [message.count("c.parquet") for message in logged()] == [1]


def test_a_run_that_publishes_a_batch_and_is_refused_the_next_is_a_failure_in_the_status(
    clicks: Clicks, tmp_path: Path
) -> None:
    clicks.deliver("a", range(3))
    clicks.deliver("b", range(3, 5), page="nowhere")
    assert not clicks.run().success
    product = clicks.mesh.registry.get("shop/clicks")
    made = newest(clicks.instance, [product.id])
    assert made[product.id].rows == 3
    run = made[product.id].run_id
    found = failures(clicks.instance, [product], made, {})
    assert (found[product.id].run_id, found[product.id].since >= made[product.id].at) == (run, True)
