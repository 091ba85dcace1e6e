"""Statistics of columns: exact for small tables, estimated for large ones, without values of people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from small_mesh import ANALYSTS, SmallMesh

from platform_core.cli import main
from platform_core.lake.connect import connect
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.quality import statistics as module
from platform_core.quality.statistics import statistics

COLUMN = "      - {{name: {0}, logicalType: {1}, classification: internal, description: C, tags: [{2}]}}\n"


def made(mesh: SmallMesh, select: str, *, values: bool = True, **columns: str) -> dict[str, dict[str, Any]]:
    """The statistics of a query's rows, by column; ``columns`` are those with a tag."""
    with connect(mesh.lakes) as con:
        names = [row[0] for row in con.execute(f"DESCRIBE {select}").fetchall()]
    table = "".join(COLUMN.format(name, "string", columns.get(name, "other")) for name in names)
    mesh.contract("shop/things", f"    properties:\n{table}", roles=f"[{ANALYSTS}]")
    mesh.publish("shop/things", select)
    with connect(mesh.lakes, read=["shop"]) as con:
        found = statistics(con, mesh.registry.get("shop/things"), values)
    json.dumps(found, allow_nan=False)
    return {each["column"]: each for each in found}


def test_counts_bounds_quartiles_and_frequent_values(mesh: SmallMesh) -> None:
    found = made(
        mesh,
        "SELECT range AS id, CASE WHEN range % 4 > 0 THEN 'a' || range % 2 END AS kind,"
        " DATE '2020-01-01' + (range // 10)::INTEGER AS day, (range / 4)::DECIMAL(9, 2) AS price"
        " FROM range(100)",
    )
    assert found["kind"] == {
        "column": "kind",
        "type": "VARCHAR",
        "null": 0.25,
        "distinct": 2,
        "estimated": False,
        "minimum": "a0",
        "quartiles": [],
        "maximum": "a1",
        "frequent": {"a1": 0.5, "a0": 0.25},
    }
    assert (found["id"]["distinct"], found["id"]["quartiles"]) == (100, ["24", "49", "74"])
    assert found["id"]["frequent"] == {}  # no value that ten rows share
    assert (found["price"]["minimum"], found["price"]["maximum"]) == ("0.00", "24.75")
    assert (found["day"]["minimum"], found["day"]["maximum"]) == ("2020-01-01", "2020-01-10")
    assert set(found["day"]["frequent"].values()) == {0.1}


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_null_everywhere_and_no_rows(mesh: SmallMesh, rows: int) -> None:
    select = f"SELECT NULL::INTEGER AS i, NULL::VARCHAR AS v, NULL::INTEGER[] AS l FROM range({rows})"
    for each in made(mesh, select).values():
        assert each["null"] == (1.0 if rows else 0.0)
        assert (each["distinct"], each["minimum"], each["maximum"]) == (0, None, None)
        assert (each["quartiles"], each["frequent"]) == ([], {})


def test_every_type_and_odd_values(mesh: SmallMesh) -> None:
    found = made(
        mesh,
        "SELECT unnest(['nan', 'inf', '-inf', '1'])::DOUBLE AS f, unnest(['infinity', '0044-03-15 (BC)',"
        " '2020-01-01', NULL])::DATE AS d, {'a': 1} AS s, [1, NULL] AS l, MAP {'k': 1} AS m,"
        " '\\xAA'::BLOB AS b,"
        " INTERVAL 1 DAY AS i, uuid() AS u, true AS t, repeat('9', 38)::DECIMAL(38, 0) AS h,"
        " TIME '01:02:03' AS c, TIMESTAMPTZ '2020-01-01 00:00:00+00' AS z, repeat('x', 500) AS long,"
        " '{}'::JSON AS j",
    )
    assert (found["f"]["minimum"], found["f"]["maximum"], found["f"]["distinct"]) == ("-inf", "nan", 4)
    assert (found["d"]["minimum"], found["d"]["maximum"]) == ("0044-03-15 (BC)", "infinity")
    for nested in "slmbij":
        assert found[nested]["distinct"] == 1
        assert (found[nested]["minimum"], found[nested]["frequent"]) == (None, {})
    assert len(found["long"]["maximum"]) == 40


def test_a_large_table_is_estimated(mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 1000)
    found = made(mesh, "SELECT range AS id, range % 50 AS few, 'x' AS one FROM range(5000)")
    assert all(each["estimated"] for each in found.values())
    assert (found["few"]["distinct"], found["one"]["distinct"]) == (50, 1)
    assert 1000 < found["id"]["distinct"] <= 5000
    assert (found["id"]["minimum"], found["id"]["maximum"]) == ("0", "4999")
    assert found["one"]["frequent"] == {"x": 1.0}


def test_values_of_people_are_left_out(mesh: SmallMesh) -> None:
    found = made(
        mesh,
        # One person has city x in a hundred rows; twenty people share city y.
        "SELECT CASE WHEN range < 100 THEN 1 ELSE range % 20 END AS card, 'n' || range AS name,"
        " CASE WHEN range < 100 THEN 'x' ELSE 'y' END AS city FROM range(200)",
        card="pseudonymous",
        name="personal",
    )
    for hidden in ("card", "name"):
        assert found[hidden]["distinct"] > 1
        assert (found[hidden]["minimum"], found[hidden]["quartiles"], found[hidden]["frequent"]) == (
            None,
            [],
            {},
        )
    assert found["city"]["frequent"] == {"y": 0.5}


def test_rows_that_may_not_be_shown_have_counts_alone(mesh: SmallMesh) -> None:
    [found] = made(mesh, "SELECT 'secret' AS v FROM range(50)", values=False).values()
    assert (found["distinct"], found["null"]) == (1, 0.0)
    assert "secret" not in json.dumps(found)


def test_a_run_keeps_them_with_each_version(
    mesh: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.contract("shop/things", f"    properties:\n{COLUMN.format('kind', 'string', 'other')}")
    for rows in (20, 30):
        mesh.code(
            "shop",
            f"""
            @data_product
            def things() -> str:
                return "SELECT 'a' AS kind FROM range({rows})"
            """,
        )
        assert mesh.run("shop", "shop/things", instance).success
    event = instance.get_latest_materialization_event(dg.AssetKey(["shop", "things"]))
    assert event is not None
    assert event.asset_materialization is not None
    table = event.asset_materialization.metadata["mesh/statistics"]
    assert isinstance(table, dg.TableMetadataValue)
    assert table.records[0].data["column"] == "kind"
    [new, old] = sorted(
        (int(path.parent.name) for path in Path(mesh.lakes.root).rglob("statistics.json")), reverse=True
    )
    capsys.readouterr()
    for words, version in (([], new), (["--version", str(old)], old)):
        assert main(["stats", "shop/things", "--json", *words]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["product_version"], document["columns"][0]["distinct"]) == (version, 1)
    assert main(["stats", "shop.things"]) == 0
    assert "a 100.0%" in capsys.readouterr().out
    ProductFiles(mesh.lakes, mesh.registry.get("shop/things")).statistics(new).unlink()
    for words in (["shop/things"], ["shop/things", "--version", "999"]):
        assert main(["stats", *words]) == 1
        assert "R023" in capsys.readouterr().err


def test_a_reader_needs_a_grant(mesh: SmallMesh, capsys: pytest.CaptureFixture[str]) -> None:
    mesh.contract("shop/things", f"    properties:\n{COLUMN.format('kind', 'string', 'other')}", roles="[]")
    assert main(["stats", "shop/things"]) == 1
    assert "A001" in capsys.readouterr().err
