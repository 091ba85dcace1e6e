"""Old versions are read like the published one: by the same names, under the same grants."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_mesh import SmallMesh, published_mesh

from platform_core.access.query import granted_query
from platform_core.cli import main
from platform_core.diagnostics import AccessDenied, RunError, UsageError
from platform_core.lake.connect import connect
from platform_core.lake.reading import version_at
from platform_core.sql.allowed import NotAllowed, tables_read

THREE = "SELECT range AS id, range * 1.5::DOUBLE AS amount FROM range(3)"
PAST = "SELECT sum(amount) FROM sales.transactions AT "


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> SmallMesh:
    return mesh_with_versions(tmp_path_factory.mktemp("mesh"))


def mesh_with_versions(root: Path) -> SmallMesh:
    mesh = published_mesh(root)
    mesh.publish("sales/transactions", THREE.replace("range(3)", "range(10)"))
    mesh.publish("sales/transactions", "SELECT 7 AS id, 2.5::DOUBLE AS amount, 'new' AS remark")
    mesh.publish("sales/pinned", THREE.replace("range(3)", "range(10)"), pinned=True)
    return mesh


def published(mesh: SmallMesh, product: str = "sales/transactions") -> list[tuple[int, datetime]]:
    """Versions with their times, the oldest first."""
    with connect(mesh.lakes, read=["sales"]) as con:
        return con.execute(
            "SELECT snapshot_id, snapshot_time FROM sales.snapshots()"
            f" WHERE json_extract_string(commit_extra_info, '$.asset') = '{product}' ORDER BY 1"
        ).fetchall()


def read(
    mesh: SmallMesh, sql: str, reader: str = "analysts", as_of: str | None = None
) -> list[tuple[Any, ...]]:
    with granted_query(sql, reader, mesh.registry, mesh.lakes, mesh.root, as_of=as_of) as answer:
        return answer.rows(1000)


def test_each_version_by_its_number_and_by_its_time(mesh: SmallMesh) -> None:
    versions = published(mesh)
    for (version, at), total in zip(versions, (4.5, 67.5, 2.5), strict=True):
        assert read(mesh, f"{PAST} (VERSION => {version})") == [(total,)]
        assert read(mesh, f"{PAST} (TIMESTAMP => '{at.isoformat()}')") == [(total,)]
        assert read(mesh, f"{PAST} (TIMESTAMP => TIMESTAMPTZ '{at.isoformat()}')") == [(total,)]
        for as_of in (str(version), at.isoformat()):
            assert read(mesh, "SELECT sum(amount) FROM sales.transactions", as_of=as_of) == [(total,)]
    in_utc = versions[0][1].astimezone(UTC).replace(tzinfo=None)
    assert read(mesh, f"{PAST} (TIMESTAMP => '{in_utc}')") == [(4.5,)]
    assert read(mesh, f"{PAST} (TIMESTAMP => '2999-01-01')") == [(2.5,)]


def test_one_query_reads_several_versions(mesh: SmallMesh) -> None:
    (first, _), (second, _), _ = published(mesh)
    name = "sales.transactions"
    assert read(
        mesh,
        f"WITH t AS (FROM {name} AT (VERSION => {first})) SELECT count(*), max(new.id), (SELECT max(id) FROM"
        f' "sales/transactions"), (SELECT count(*) FROM "Sales/Transactions" old AT (VERSION => {first})'
        f" WHERE old.id > 0) FROM {name} new AT (VERSION => {second}) LEFT JOIN t USING (id)",
    ) == [(10, 9, 7, 2)]
    assert read(mesh, f"SELECT max(transactions.id) FROM {name} AT (VERSION => {first})") == [(2,)]
    # What says its version itself is read at that.
    assert read(mesh, f"SELECT max(id) FROM {name} AT (VERSION => {first})", as_of=str(second)) == [(2,)]
    columns = f"SELECT column_name FROM (DESCRIBE FROM {name} AT (VERSION => {first}))"
    assert read(mesh, columns) == [("id",), ("amount",)]


def test_a_published_view_is_read_at_the_version_it_was_pinned_to(mesh: SmallMesh) -> None:
    (first, _), (second, _) = published(mesh, "sales/pinned")
    counts = [read(mesh, f"SELECT count(*) FROM sales.pinned AT (VERSION => {v})") for v in (first, second)]
    assert counts == [[(3,)], [(10,)]]


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("(VERSION => 1 + 1)", "A013"),
        ("(VERSION => (SELECT max(id) FROM hr.employees))", "A013"),
        ("(VERSION => -1)", "A013"),
        ("(VERSION => 1.5)", "A013"),
        ("(VERSION => '2024-01-01')", "A013"),
        ("(VERSION => NULL)", "A013"),
        ("(TIMESTAMP => now())", "A013"),
        ("(TIMESTAMP => now() - INTERVAL 1 DAY)", "A013"),
        ("(TIMESTAMP => '1')", "A013"),
        ("(TIMESTAMP => 'yesterday')", "A013"),
        ("(TIMESTAMP => ?)", "A013"),
        ("(TIMESTAMP => getenv('HOME'))", "A013"),
    ],
)
def test_anything_but_a_literal_is_refused(mesh: SmallMesh, at: str, code: str) -> None:
    with pytest.raises(AccessDenied, match=rf"(?s){code}.*takes a literal"):
        read(mesh, PAST + at)


def test_a_common_table_expression_has_no_versions(mesh: SmallMesh) -> None:
    for name in ("t", '"sales/transactions"'):
        sql = f"WITH {name} AS (FROM sales.transactions) FROM {name} AT (VERSION => 1)"
        with pytest.raises(AccessDenied, match=r"(?s)A013.*needs a product"):
            read(mesh, sql)


@pytest.mark.parametrize("at", ["(VERSION => 99)", "(VERSION => 0)", "(TIMESTAMP => '2001-01-01')"])
def test_a_version_that_is_not_kept_is_named(mesh: SmallMesh, at: str) -> None:
    with pytest.raises(RunError, match=r"(?s)R023.*sales/transactions.*mesh history sales/transactions"):
        read(mesh, PAST + at)


def test_a_removed_version_is_not_replaced_by_the_one_before(tmp_path: Path) -> None:
    mesh = mesh_with_versions(tmp_path)
    (first, then), (second, later), (third, _) = published(mesh)
    product = mesh.registry.get("sales/transactions")
    with connect(mesh.lakes, write=["sales"]) as con:
        con.execute(f"CALL ducklake_expire_snapshots('sales', versions => [{second}])")
    with connect(mesh.lakes, read=["sales"]) as con:
        asked = [first, second - 1, then, second, later, third]
        assert [version_at(con, product, at) for at in asked] == [first, first, first, None, None, third]


def test_current_grants_apply_to_old_versions(mesh: SmallMesh) -> None:
    for sql in (
        "SELECT * FROM hr.employees AT (VERSION => 1)",
        'SELECT * FROM "hr/employees" AT (VERSION => 1)',
        "SELECT (SELECT max(id) FROM hr.employees e AT (TIMESTAMP => '2999-01-01'))",
    ):
        with pytest.raises(AccessDenied, match=r"A00[12]"):
            read(mesh, sql)
    # Names that the judged query has of its own are no names for others.
    version = published(mesh)[0][0]
    for sql in (
        f'FROM "sales@{version}".transactions, sales.transactions AT (VERSION => {version})',
        f'FROM "@{version}"."sales/transactions", sales.transactions AT (VERSION => {version})',
    ):
        with pytest.raises(UsageError, match="U043"):
            read(mesh, sql)


def test_a_version_number_over_several_lakes_is_refused(mesh: SmallMesh) -> None:
    both = "SELECT count(*) FROM sales.transactions, hr.staffing"
    with pytest.raises(UsageError, match=r"(?s)U046.*hr, sales"):
        read(mesh, both, "domain:sales", as_of="3")
    assert read(mesh, both, "domain:sales", as_of="2999-01-01") == [(3,)]


@pytest.mark.parametrize("as_of", ["yesterday", "-1", "", "1.5", "2024-13-01"])
def test_as_of_is_a_version_or_a_time(as_of: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "SELECT 1", f"--as-of={as_of}"]) == 2
    assert "U094" in capsys.readouterr().err


def test_only_queries_read_the_past() -> None:
    with pytest.raises(NotAllowed, match="AT"):
        tables_read("FROM sales.transactions AT (VERSION => 1)")
