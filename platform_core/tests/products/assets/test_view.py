"""A product that is a view over another one: no copy, every way of reading, and what cannot be a view."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb
import pytest
from small_mesh import AMOUNTS, ANALYSTS, DAYS, SmallMesh

import platform_core.client as client
from platform_core.access.bi_file import attach
from platform_core.access.diff.versions import difference
from platform_core.access.query import granted_query
from platform_core.cli import main
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import AccessDenied, DefinitionError, LakeError, UsageError
from platform_core.lake.connect import connect
from platform_core.lake.damage import newest_versions
from platform_core.lake.lakes import current_lakes
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.reading import bytes_of_columns
from platform_core.lake.removal import remove_product
from platform_core.lake.versions import history, latest, published_version, stamps
from platform_core.products.column_use import of_function
from platform_core.products.declare import Input
from platform_core.products.inputs.resolve import BoundInput
from platform_core.products.inputs.rows import LakeRows
from platform_core.products.inputs.view import pinned_select
from platform_core.products.makers.lookup import find_maker
from platform_core.sealed.version import product_files
from platform_core.workspace.removal.state import of_products

READERS = f"[{ANALYSTS}, {{role: 'domain:other', access: read}}]"
NEW = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: cents, logicalType: integer}
      - {name: owner, logicalType: string}
"""
ROWS = "SELECT range AS id, range * {} AS cents, 'Xanthippe-' || range AS owner FROM range(4)"
FILE = "    physicalName: old.csv\n    physicalType: file\n"
SELECT = "SELECT id, cents / 100 AS amount FROM {new} WHERE id < 3"
FIRST = [(0, 0.0), (1, 1.0), (2, 2.0)]
SECOND = [(0, 0.0), (1, 3.0), (2, 6.0)]


def new(mesh: SmallMesh, factor: int) -> None:
    """The rows that ``shop/new`` publishes next."""
    sql = ROWS.format(factor)
    mesh.code("shop", f"@data_product\ndef new() -> str:\n    return {sql!r}\n", "new")


def old(mesh: SmallMesh, select: str = SELECT, declared: str = '{"new": "shop/new"}, view=True') -> None:
    text = f"@data_product(inputs={declared})\ndef old(new: Table) -> str:\n    return f{select!r}\n"
    mesh.code("shop", text, "old")


@pytest.fixture
def shop(mesh: SmallMesh, instance: dg.DagsterInstance) -> SmallMesh:
    """``shop/old`` is a view of the first version of ``shop/new``; analysts and ``other`` may read it."""
    mesh.contract("shop/new", NEW, roles="[]")
    mesh.contract("shop/old", AMOUNTS, roles=READERS)
    new(mesh, 100)
    old(mesh)
    for product in ("shop/new", "shop/old"):
        assert mesh.run("shop", product, instance).success
    return mesh


def again(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    """A second version of both."""
    new(shop, 300)
    for product in ("shop/new", "shop/old"):
        assert shop.run("shop", product, instance).success


def failed(result: dg.ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


def asked(shop: SmallMesh, sql: str, as_of: str | None = None) -> list[tuple[object, ...]]:
    """The rows for analysts, who may not read ``shop/new``."""
    location = current_lakes(shop.root)
    with granted_query(sql, "analysts", shop.registry, location, shop.root, as_of=as_of) as answer:
        assert answer.products == ("shop/old",)
        return list(answer.rows(100))


def versions(shop: SmallMesh) -> list[int]:
    """The versions of ``shop/old``, the oldest first."""
    with connect(shop.lakes, read=["shop"]) as con:
        return [each.version for each in history(con, shop.registry.get("shop/old"))][::-1]


def data_files(shop: SmallMesh) -> dict[Path, int]:
    return {path: path.stat().st_size for path in shop.lakes.root.rglob("*.parquet")}


def test_a_run_publishes_a_pin_and_no_row(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    before = data_files(shop)
    assert before
    assert shop.run("shop", "shop/old", instance).success
    assert data_files(shop) == before
    product = shop.registry.get("shop/old")
    with connect(shop.lakes, read=["shop"]) as con:
        made = latest(con, product)
        [(_, _, facts)] = stamps(con, "shop", "shop/old", limit=1)
        [(pinned, _, _)] = stamps(con, "shop", "shop/new", limit=1)
        assert con.execute("SELECT * FROM shop.products.old ORDER BY id").fetchall() == FIRST
        assert bytes_of_columns(con, product, made.version if made else 0, ["amount"]) > 0
    assert made is not None
    assert (made.rows, made.rows_written, made.bytes) == (3, 0, 0)
    assert {k: facts[k] for k in ("kind", "view_of", "pinned")} == {
        "kind": "view",
        "view_of": "shop/new",
        "pinned": pinned,
    }
    assert facts["select"] == SELECT.format(new='"new"')
    assert facts["content"]["rows"] == 3
    assert [check["status"] for check in facts["checks"]] == ["passed"] * len(facts["checks"])
    assert facts["checks"]


def test_each_version_has_its_own_pin(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    new(shop, 300)
    assert shop.run("shop", "shop/new", instance).success
    assert asked(shop, "FROM shop.old ORDER BY id") == FIRST
    again(shop, instance)
    assert asked(shop, "FROM shop.old ORDER BY id") == SECOND
    first, second = versions(shop)
    for version, rows in ((first, FIRST), (second, SECOND)):
        assert asked(shop, "FROM shop.old ORDER BY id", str(version)) == rows
        assert asked(shop, f"FROM shop.old AT (VERSION => {version}) ORDER BY id") == rows
    found = difference(shop.registry.get("shop/old"), current_lakes(shop.root))
    assert (found.old, found.new) == (first, second)
    assert found.rows == {"added": 0, "removed": 0, "changed": 2, "same": 1}


def test_readers_see_the_columns_of_the_view_alone(shop: SmallMesh) -> None:
    with pytest.raises(UsageError, match="owner") as refused:
        asked(shop, "SELECT owner FROM shop.old")
    assert [each.code for each in refused.value.diagnostics] == ["U040"]
    with pytest.raises(AccessDenied):
        asked(shop, "FROM shop.new")
    # The fourth row is not in the view: a filter of the reader must not be evaluated for it.
    probe = "SELECT count(*) FROM shop.old WHERE CASE WHEN id = 3 THEN error('seen') ELSE true END"
    assert asked(shop, probe) == [(3,)]
    assert asked(shop, "SELECT count(*) FROM shop.old WHERE ('x' || id)[2:]::INT <= 3") == [(3,)]
    plan = "".join(str(row[0]) for row in asked(shop, "EXPLAIN FROM shop.old"))
    assert "Xanthippe" not in plan
    assert "cents" not in plan


def test_a_bi_file_links_no_file_of_the_other_product(
    shop: SmallMesh, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    file = tmp_path / "bi.duckdb"
    attach(file, "analysts", shop.root, after_runs=True)
    again(shop, instance)
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.execute("FROM shop.old ORDER BY id").fetchall() == SECOND
    linked = list((shop.root / ".mesh" / "bi").rglob("*.parquet"))
    assert linked
    assert not any(b"Xanthippe" in path.read_bytes() for path in linked)
    kept = {path.stat().st_ino for path in shop.lakes.root.rglob("*.parquet")}
    assert not kept & {path.stat().st_ino for path in linked}


def test_the_python_client_and_the_command(
    shop: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client.read("shop.old").duckdb().order("id").fetchall() == FIRST
    for words in (
        ["query", "SELECT sum(amount) FROM shop.old", "--as", "analysts"],
        ["history", "shop/old"],
        ["show", "shop/old"],
        ["stats", "shop/old"],
    ):
        assert main(words) == 0, capsys.readouterr()
        out = capsys.readouterr().out
        assert "Xanthippe" not in out
        assert ("a view of shop/new, version" in out) == (words[0] == "show")
    again(shop, instance)
    assert main(["diff", "shop/old"]) == 0
    assert "2" in capsys.readouterr().out


READING = ('return f"SELECT id, amount FROM {old}"', "return old.relation()", "return old.arrow()")


@pytest.mark.parametrize("domain", ["shop", "other"])
def test_consumers_read_the_rows_of_the_view(
    shop: SmallMesh, instance: dg.DagsterInstance, domain: str
) -> None:
    shop.contract(f"{domain}/copy")
    reads = 'Input("shop/old", columns=("id", "amount"))'
    for how in READING:
        code = f"@data_product(inputs={{'old': {reads}}})\ndef copy(old: Table):\n    {how}\n"
        shop.code(domain, code, "copy")
        assert shop.run(domain, f"{domain}/copy", instance).success
        assert shop.read(f"FROM {domain}.products.copy ORDER BY id", "shop", domain) == FIRST


def test_engines_get_a_copy_without_the_other_columns(shop: SmallMesh, tmp_path: Path) -> None:
    # Also the sources of a dbt model, and an extract for Spark.
    location, product, [version] = current_lakes(shop.root), shop.registry.get("shop/old"), versions(shop)
    with connect(location, read=["shop"]) as con:
        found = product_files(location, con, product, tmp_path, version)
        with pytest.raises(PermissionError):
            product_files(location, con, product, None, version)
    assert [column.name for column in found.columns] == ["id", "amount"]
    assert [Path(file).parent for file in found.files] == [tmp_path]
    assert duckdb.sql(f"{found.query} ORDER BY id").fetchall() == FIRST


class OnServers(LocalLakes):
    reader = "shop"


def test_lakes_on_servers_have_no_views(shop: SmallMesh) -> None:
    maker, read = find_maker(ProductId("shop/old"), shop.root), shop.registry.get("shop/new")
    assert maker is not None
    with connect(shop.lakes, read=["shop"]) as con:
        bound = {"new": BoundInput(Input("shop/new"), read, published_version(con, read))}
        rows = LakeRows(con, shop.registry.get("shop/old"))
        with pytest.raises(DefinitionError) as refused:
            pinned_select(maker, OnServers(shop.lakes.root), rows, bound, "FROM new")
    assert [each.code for each in refused.value.diagnostics] == ["D083"]
    assert "its readers would need rights on all columns of shop/new" in str(refused.value)


def test_the_select_may_use_the_name_of_its_input(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    mine = "WITH mine AS (FROM {new}), old AS (FROM mine WHERE id < 3)"
    old(shop, f"{mine} SELECT id, cents / 100 AS amount FROM old -- .")
    assert shop.run("shop", "shop/old", instance).success
    assert asked(shop, "FROM shop.old ORDER BY id") == FIRST


def test_a_product_that_becomes_restricted_takes_its_views_along(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    for name, table in (("new", NEW), ("old", AMOUNTS)):
        table = table.replace("classification: internal, ", "")
        table = table.replace("primaryKey: true", "primaryKey: true, classification: restricted")
        path = shop.contract(f"shop/{name}", table, roles="[]")
        path.write_text(path.read_text().replace("version: 1.2.0", "version: 2.0.0"))
    assert shop.run("shop", "shop/new", instance).success
    assert not [path for path in data_files(shop) if "lake/shop/" in str(path)]
    assert shop.read("SELECT view_name FROM __ducklake_metadata_shop.ducklake_view") == []
    assert shop.run("shop", "shop/old", instance).success
    assert client.read("shop.old", reader="domain:shop").duckdb().order("id").fetchall() == FIRST


def test_a_product_turns_into_a_view_and_back(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    old(shop, declared='{"new": "shop/new"}')
    assert shop.run("shop", "shop/old", instance).success
    assert shop.read("FROM shop.products.old ORDER BY id") == FIRST
    old(shop)
    again(shop, instance)
    assert shop.read("FROM shop.products.old ORDER BY id") == SECOND
    assert [asked(shop, "FROM shop.old ORDER BY id", str(each)) for each in versions(shop)] == [
        FIRST,
        FIRST,
        SECOND,
    ]


def test_a_masked_twin_of_a_view(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    twin = "    customProperties: [{property: maskedAs, value: hidden, vendor: platform-core}]\n"
    redact = "{property: mask, value: {method: redact}, vendor: platform-core}"
    mask = f"tags: [personal], customProperties: [{redact}]}}"
    people = twin + NEW.replace(
        "name: owner, logicalType: string}", "name: owner, logicalType: string, " + mask
    )
    people = people.replace("logicalType: integer}", "logicalType: integer, classification: internal}")
    people = people.replace("primaryKey: true}", "primaryKey: true, classification: internal}")
    path = shop.contract("shop/old", people, roles=f"[{ANALYSTS.replace('read', 'masked')}]")
    path.write_text(path.read_text().replace("version: 1.2.0", "version: 2.0.0"))
    shop.contract("shop/new", people.replace("hidden", "new_hidden"), roles="[]")
    old(shop, "SELECT * FROM {new} WHERE id < 3")
    for product in ("shop/new", "shop/old", "shop/hidden"):
        lake = shop.run("shop", product, instance)
        assert lake.success, failed(lake)
    location = current_lakes(shop.root)
    with granted_query("FROM shop.hidden", "analysts", shop.registry, location, shop.root) as answer:
        rows = list(answer.rows(100))
    assert len(rows) == 3
    assert "Xanthippe" not in str(rows)


def test_damage_behind_a_view_is_reported_for_it(shop: SmallMesh) -> None:
    [(path, size)] = [(path, size) for path, size in data_files(shop).items() if "products/new" in str(path)]
    path.write_bytes(path.read_bytes()[: size // 2])
    found = newest_versions(current_lakes(shop.root), [shop.registry.get("shop/old")])[1]
    assert [each.code for each in found["shop/old"]] == ["L004"]
    with pytest.raises(LakeError, match="shop/old"):
        asked(shop, "FROM shop.old")


def test_a_product_cannot_be_removed_before_its_views(shop: SmallMesh) -> None:
    location, product = current_lakes(shop.root), ProductId("shop/new")
    for remove in (
        lambda: remove_product(location, "shop", product, "test", "shop"),
        lambda: list(of_products(shop.root, [product], ())),
    ):
        with pytest.raises(LakeError, match="versions of shop/old") as refused:
            remove()
        assert [each.code for each in refused.value.diagnostics] == ["L051"]
    assert asked(shop, "FROM shop.old ORDER BY id") == FIRST
    remove_product(location, "shop", ProductId("shop/old"), "test", "shop")
    remove_product(location, "shop", product, "test", "shop")
    assert not data_files(shop)


def test_a_view_that_breaks_its_contract_is_not_published(
    shop: SmallMesh, instance: dg.DagsterInstance
) -> None:
    old(shop, "SELECT 1 AS id, cents / 100 AS amount FROM {new}")
    assert not shop.run("shop", "shop/old", instance).success
    old(shop, "SELECT id, (id || 'x')::DOUBLE AS amount FROM {new}")
    assert "L010" in failed(shop.run("shop", "shop/old", instance))
    assert asked(shop, "FROM shop.old ORDER BY id") == FIRST


UNSTABLE = {
    "now()": "SELECT id, extract('epoch' FROM now()) AS amount FROM {new}",
    "random()": "SELECT id, random() AS amount FROM {new}",
    "USING SAMPLE": "SELECT id, cents::DOUBLE AS amount FROM {new} USING SAMPLE 50%",
    "LIMIT": "SELECT id, cents::DOUBLE AS amount FROM {new} LIMIT 2",
    "lag() OVER": "SELECT id, lag(cents) OVER () AS amount FROM {new}",
}


def test_unstable_selects_are_refused(
    shop: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    promised, reads = shop.registry.get("shop/old"), {"new": shop.registry.get("shop/new")}
    for part, select in UNSTABLE.items():
        old(shop, select)
        # `mesh validate` reports it without a run.
        shop.definitions("shop")
        maker = find_maker(promised.id, shop.root)
        assert maker is not None
        found = of_function(maker, reads, "shop", promised)
        assert [each.code for each in found.faults] == ["D082"]
        assert f"shop/old cannot be a view: {part} may return" in found.faults[0].message
    assert "error[D082]: shop/old cannot be a view" in failed(shop.run("shop", "shop/old", instance))
    assert main(["check", "shop/old"]) == 1
    assert "error[D082]" in capsys.readouterr().err


def test_rows_of_python_are_refused(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    code = """
        @data_product(inputs={"new": Input("shop/new", columns=("id",))}, view=True)
        def old(new: Table):
            return new.relation().project("id, 1.0 AS amount")
        """
    shop.code("shop", code, "old")
    assert "error[D082]" in failed(shop.run("shop", "shop/old", instance))


def test_a_view_of_a_view_is_refused(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    shop.contract("shop/oldest")
    code = """
        @data_product(inputs={"old": "shop/old"}, view=True)
        def oldest(old: Table) -> str:
            return f"SELECT * FROM {old}"
        """
    shop.code("shop", code, "oldest")
    refused = failed(shop.run("shop", "shop/oldest", instance))
    assert "error[D083]" in refused
    assert "Read shop/new instead." in refused


@pytest.mark.parametrize(
    ("table", "inputs", "why"),
    [
        (AMOUNTS, '{"new": "shop/new", "more": "shop/more"}', "it reads 2 products"),
        (AMOUNTS, '{"new": "other/new"}', "other/new is in another lake, other"),
        (AMOUNTS, '{"new": "shop/people"}', "shop/people is in another lake, shop_restricted"),
        (AMOUNTS, '{"new": Source("files/new", path="new.parquet")}', "it reads a source"),
        (DAYS, '{"new": "shop/new"}', "its contract declares partitions"),
        (
            "    physicalName: old.csv\n    physicalType: file\n" + AMOUNTS,
            '{"new": "shop/new"}',
            "its contract declares a file",
        ),
    ],
)
def test_products_that_cannot_be_views(mesh: SmallMesh, table: str, inputs: str, why: str) -> None:
    for product in ("shop/new", "shop/more", "other/new"):
        mesh.contract(product)
    mesh.contract("shop/people", AMOUNTS.replace("classification: internal", "classification: restricted"))
    path = mesh.contract("shop/old", table)
    more = ", more" if "more" in inputs else ""
    code = f"@data_product(inputs={inputs}, view=True)\ndef old(new{more}) -> str:\n    return 'FROM new'\n"
    mesh.code("shop", code, "old")
    with pytest.raises(DefinitionError) as refused:
        mesh.definitions("shop")
    found = [each for each in refused.value.diagnostics if each.code == "D081"]
    assert [each.message for each in found] == [f"shop/old cannot be a view: {why}"], path
    assert found[0].place is not None


def test_a_component_is_a_view(shop: SmallMesh, instance: dg.DagsterInstance) -> None:
    (shop.root / "domains/shop/src/shop/old.py").unlink()
    shop.write("domains/shop/src/shop/defs/__init__.py", "")
    folder = "domains/shop/src/shop/defs/old"
    shop.write(f"{folder}/old.sql", SELECT.format(new="new"))
    attributes = "{{sql: old.sql, view: {}, inputs: {{new: shop/new}}}}"
    declared = f"type: platform_core.components.DataProduct\nattributes: {attributes}\n"
    shop.write(f"{folder}/defs.yaml", declared.format("true"))
    before = data_files(shop)
    assert shop.run("shop", "shop/old", instance).success
    assert data_files(shop) == before
    assert asked(shop, "FROM shop.old ORDER BY id") == FIRST
    shop.write(f"{folder}/defs.yaml", declared.format("maybe"))
    with pytest.raises(DefinitionError, match="view is not true or false"):
        find_maker(ProductId("shop/old"), shop.root)
