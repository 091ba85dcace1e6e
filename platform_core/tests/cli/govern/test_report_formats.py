"""The output of `mesh validate` in each format."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from platform_core import __version__
from platform_core.cli.documents import diagnostic_facts
from platform_core.cli.govern.report_formats import facts, github, sarif, text
from platform_core.diagnostics import Diagnostic, Place
from platform_core.governance.policy_set import BUILT_IN, PolicySet
from platform_core.source.federation import Waiver
from platform_core.workspace.validate import Report

CONTRACT = "id: sales/stores\nstatus: done: 100%\n"


@pytest.fixture
def report(tmp_path: Path) -> Report:
    file = tmp_path / "con tract,1.odcs.yaml"
    file.write_text(CONTRACT)
    place = Place(file, 2, 9, 10)
    waiver = Waiver("G108", "sales/stores", "No key yet.", ("a@example.com",), "2026-12-31", place)
    return Report(
        root=tmp_path,
        diagnostics=(
            Diagnostic("G114", "100% wrong:\nreally", place, "one of a, b", "write active"),
            Diagnostic("G105", "a column is not described", place, severity="warning"),
            Diagnostic("G491", "hr does not load"),
        ),
        waived=((Diagnostic("G108", "no key", place), waiver),),
        locations=("hr", "sales"),
        products=3,
        unloaded=("hr",),
        catalogue=PolicySet(BUILT_IN),
    )


def test_text_shows_the_line_and_counts(report: Report) -> None:
    said = text(report)
    assert "2 | status: done: 100%\n  |         ^^^^^^^^^^\n" in said
    assert said.endswith("2 errors, 1 warning, 1 waived; 3 products in 2 locations; not loaded: hr")


def test_a_clean_report_is_one_line(tmp_path: Path) -> None:
    assert text(Report(tmp_path, (), locations=("hr",), products=1)) == (
        "0 errors, 0 warnings; 1 product in 1 location"
    )


@pytest.mark.parametrize(
    ("severities", "unloaded", "code"),
    [
        ((), (), 0),
        (("warning",), (), 0),
        (("warning", "error"), (), 1),
        ((), ("hr",), 1),
        (("error",), ("hr",), 1),
    ],
)
def test_the_exit_code(tmp_path: Path, severities: Any, unloaded: Any, code: int) -> None:
    diagnostics = tuple(Diagnostic("G101", "", severity=severity) for severity in severities)
    assert Report(tmp_path, diagnostics, unloaded=unloaded).exit_code == code


def test_json_has_places_relative_to_the_root(report: Report) -> None:
    document = facts(report)
    assert document["summary"] == {
        "errors": 2,
        "warnings": 1,
        "waived": 1,
        "products": 3,
        "locations": ["hr", "sales"],
        "unloaded": ["hr"],
        "platform_core": {"mesh": __version__, "locations": {}},
    }
    first, _, last = (diagnostic_facts(each, report.root) for each in report.diagnostics)
    assert first["place"] == {"path": "con tract,1.odcs.yaml", "line": 2, "column": 9, "length": 10}
    assert (first["code"], first["severity"], first["expected"]) == ("G114", "error", "one of a, b")
    assert last["place"] is None
    assert document["waived"][0]["waiver"]["expires"] == "2026-12-31"


def test_sarif_follows_the_standard(report: Report) -> None:
    document = json.loads(sarif(report))
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert ids == sorted(set(ids))
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert ids[result["ruleIndex"]] == result["ruleId"]
        for location in result.get("locations", []):
            region = location["physicalLocation"]["region"]
            assert all(isinstance(number, int) and number >= 1 for number in region.values())
            artifact = location["physicalLocation"]["artifactLocation"]
            assert artifact == {"uri": "con%20tract%2C1.odcs.yaml", "uriBaseId": "ROOT"}
    base = run["originalUriBaseIds"]["ROOT"]["uri"]
    assert base.startswith("file:///")
    assert base.endswith("/")
    assert run["invocations"] == [{"executionSuccessful": False, "exitCode": 1}]
    suppressed = [result["ruleId"] for result in run["results"] if "suppressions" in result]
    assert suppressed == ["G108"]
    assert "locations" not in run["results"][2]


def test_github_commands_are_escaped(report: Report) -> None:
    first, second, third, summary = github(report).split("\n")
    assert first == (
        "::error file=con tract%2C1.odcs.yaml,line=2,col=9,endColumn=19,title=G114 error"
        "::100%25 wrong:%0Areally%0Aexpected: one of a, b%0Afix: write active"
    )
    assert second.startswith("::warning file=")
    assert third == "::error title=G491 error::hr does not load"
    assert not re.match("::", summary)
