"""Hostile names in contracts and sources: refused at a line, or the location loads and the run ends well."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_mesh import CONTRACT, TWO_DAYS, SmallMesh, here

from platform_core.diagnostics import PlatformError
from platform_core.sql.quoting import quoted

TREE = yaml.safe_load(
    CONTRACT.format(
        id="shop/totals",
        team="shop-team",
        roles="[]",
        name="totals",
        promise=TWO_DAYS,
        table="    properties: []",
    )
)
# fmt: off
COLUMNS = (
    "日本", "中国", "é", "e\u0301", "id", "ID", "a b", "a_b", " a", "rows", "n", "value", "{table}",
    "${column}", "table", "property", "__table", 'a"b', "it's", "😀", "select", "%s", "-", "_",
)
NAMES = (
    "日本", "-", "", "a b", "x" * 100, "dagster/kind/x", "a\nb", "schema", "unique__id", "context", "A", "a"
)
# fmt: on
TEAMS = ("财务", "x@y", "X Y@example.com", "x@example.com", "+x@example.com", "me@münchen.de", "-", "a b")
SOURCES = ("", "a//b", "/a", "é/日本", "a b/c[1]*", "shop/totals", "files/data", "a-b.c/d_e", "result")
FILES = ("data", "data.", "data [1].csv", "in/*", "in/*.日本", "UPPER.CSV")
SPANS = ((1, "s"), (59, "s"), (1, "min"), (90, "s"), (2, "min"), (3000, "y"))
HOSTILE = st.fixed_dictionaries(
    {},
    optional={
        "columns": st.lists(
            st.sampled_from(COLUMNS) | st.text(min_size=1), min_size=1, max_size=4, unique=True
        ),
        "tags": st.lists(st.sampled_from(NAMES) | st.text(), max_size=3),
        "checks": st.lists(st.sampled_from(NAMES), max_size=2),
        "team": st.sampled_from(TEAMS) | st.text(min_size=1) | st.emails(),
        "source": st.sampled_from(SOURCES) | st.text(),
        "file": st.sampled_from(FILES),
        "span": st.sampled_from(SPANS),
        "cron": st.booleans(),
    },
)
PLAIN = {"columns": ["id"], "tags": [], "checks": [], "team": "shop-team", "source": "files/x"}
PLAIN |= {"file": "x.csv", "span": (2, "d"), "cron": False}


def contract(said: dict[str, Any]) -> str:
    tree = copy.deepcopy(TREE)
    (value, unit), schema = said["span"], tree["schema"][0]
    cron = {"scheduler": "cron", "schedule": "0 5 * * *"} if said["cron"] else {}
    tree |= {"tags": said["tags"], "team": {"name": said["team"]}}
    tree["slaProperties"] = [{"property": "latency", "value": value, "unit": unit} | cron]
    negative = {"type": "sql", "query": "SELECT count(*) FROM ${table} WHERE ${column} < 0", "mustBe": 0}
    schema["properties"] = [
        {"name": name, "logicalType": "integer", "required": True, "unique": True, "tags": said["tags"]}
        | {"logicalTypeOptions": {"minimum": 0, "multipleOf": 1}, "quality": [negative]}
        for name in said["columns"]
    ]
    schema["quality"] = [{"metric": "rowCount", "mustBe": 2, "name": name} for name in said["checks"]]
    return yaml.safe_dump(tree, allow_unicode=True)


def outcome(mesh: SmallMesh, said: dict[str, Any]) -> list[str]:
    """The codes that refuse it, each with a place; none where it ran with a result of each check."""
    mesh.write("domains/shop/contracts/totals.odcs.yaml", contract(said))
    values = ", ".join(f"i AS {quoted(name)}" for name in said["columns"])
    mesh.code(
        "shop",
        f"@data_product(inputs={{'raw': Source({said['source']!r}, path={said['file']!r})}})\n"
        f"def totals(raw) -> str:\n    return {f'SELECT {values} FROM range(2) t(i)'!r}\n",
    )
    mesh.write("in/a.csv", "id\n1\n")
    mesh.write(said["file"].replace("*", "a"), "id\n1\n")
    try:
        product = mesh.registry.get("shop/totals")
        mesh.definitions("shop").get_repository_def()
    except PlatformError as refused:
        return sorted({fault.code if fault.place else "no place" for fault in refused.diagnostics})
    with dg.DagsterInstance.ephemeral() as instance, pytest.MonkeyPatch.context() as patch:
        patch.chdir(mesh.root)
        result = mesh.run("shop", "shop/totals", instance)
    told = [str(event.event_specific_data) for event in result.get_step_failure_events()]
    # A file that no source reads is a fault of the run, at its time.
    assert result.success or any("error[S0" in text for text in told), told
    if result.success:
        names = [check.check_name for check in result.get_asset_check_evaluations()]
        assert sorted(names) == sorted({rule.name for rule in product.rules})
    return []


def tried(**said: Any) -> list[str]:
    with tempfile.TemporaryDirectory() as folder, here(Path(folder) / "mesh", "shop") as mesh:
        return outcome(mesh, PLAIN | said)


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ({"columns": list(COLUMNS[:4] + COLUMNS[6:])}, []),
        ({"columns": ["id", "ID"]}, ["C040"]),
        ({"columns": ["K", "\u212a"]}, []),
        ({"columns": ["a\0b"]}, ["C040"]),
        ({"team": "财务"}, ["C021"]),
        ({"team": "me@münchen.de"}, ["C021"]),
        ({"source": "a//b"}, ["D007"]),
        ({"source": "shop/totals"}, ["D007"]),
        ({"file": "data"}, []),
        ({"file": "in/*"}, []),
        ({"span": (1, "min")}, ["C060"]),
        ({"span": (1, "s"), "cron": True}, ["C060"]),
        ({"tags": list(NAMES)}, []),
    ],
)
def test_a_name_is_refused_at_its_line_or_works(said: dict[str, Any], codes: list[str]) -> None:
    assert tried(**said) == codes


def test_columns_that_differ_by_case_are_refused_with_both_lines(tmp_path: Path) -> None:
    with here(tmp_path / "mesh", "shop") as mesh:
        path = mesh.write(
            "domains/shop/contracts/totals.odcs.yaml", contract(PLAIN | {"columns": ["id", "Id"]})
        )
        first, second = (
            n for n, line in enumerate(path.read_text().splitlines(), 1) if "name: id" in line.lower()
        )
        with pytest.raises(PlatformError) as refused:
            mesh.registry.get("shop/totals")
    (fault,) = refused.value.diagnostics
    assert fault.place is not None
    assert (fault.place.line, f"line {first}" in str(fault.expected)) == (second, True)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(HOSTILE)
def test_no_text_in_a_contract_breaks_a_location(said: dict[str, Any]) -> None:
    assert "no place" not in tried(**said)


@pytest.mark.full
@settings(max_examples=150, deadline=None, derandomize=True)
@given(HOSTILE)
def test_no_text_of_any_contract_breaks_a_location(said: dict[str, Any]) -> None:
    assert "no place" not in tried(**said)
