"""Direct reads of Dagster's database match Dagster's own results."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from platform_core.contracts.model import DataProduct, Rule
from platform_core.diagnostics import Place
from platform_core.workspace.records.products import checked, outcome

PLACE = Place(Path("visits.odcs.yaml"))
KEY = dg.AssetKey(["shop", "visits"])
RULES = ("kept", "broken", "warned", "mended", "planned", "never")


def test_the_newest_result_of_each_check(tmp_path: Path) -> None:
    rules = tuple(Rule(name, "unique", PLACE, ("id",)) for name in RULES)
    product = DataProduct("shop", "visits", PLACE.path, PLACE, "1", "active", (), rules)
    assert checked(tmp_path, [product]) == {}
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    @dg.asset(key=KEY, check_specs=[dg.AssetCheckSpec("planned", asset=KEY)])
    def visits():
        raise ValueError("before its check")

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:

        def said(name: str, passed: bool, level: str = "ERROR") -> None:
            severity = dg.AssetCheckSeverity[level]
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(KEY, name, passed, severity=severity, description="é ' \"")
            )

        said("kept", True)
        said("broken", True)
        said("broken", False)
        said("warned", False, "WARN")
        said("mended", False)
        said("mended", True)
        said("unknown to the contract", False)
        with pytest.raises(ValueError, match="before its check"):
            dg.materialize([visits], instance=instance)
        results = checked(tmp_path, [product])[product.id]
        asked = [dg.AssetCheckKey(KEY, name) for name in RULES]
        records = instance.event_log_storage.get_latest_asset_check_execution_by_key(asked)

    expected = {
        key.name: (outcome(each.evaluation), each.create_timestamp, each.run_id)
        for key, each in records.items()
        if isinstance(each.evaluation, dg.AssetCheckEvaluation)
    }
    assert {name: (r.outcome, r.at.timestamp(), r.run_id) for name, r in results.items()} == expected
    assert {name: r.outcome for name, r in results.items()} == {
        "broken": "failed", "kept": "passed", "mended": "passed", "warned": "warned",
    }  # fmt: skip
    assert "planned" in {key.name for key in records}
