from pathlib import Path

import pytest

from central_data_platform.scorecard import shares, trend
from platform_core import DataProduct, Place
from platform_core.mesh import Assessment, Coverage, Standing

HERE = Place(Path("likes.odcs.yaml"))
LIKES = DataProduct("sales", "likes", HERE.path, HERE, "1.0.0", "active", (), ())
COVERED = Coverage(documentation=0.5, ownership=1, sla=0, quality=1)
STANDINGS = (
    *(Standing("sales/likes", "sales", "likes", code, code, "pass") for code in ("G101", "G102", "G103")),
    Standing("sales/likes", "sales", "likes", "G105", "G105", "fail"),
    Standing("sales/likes", "sales", "likes", "G106", "G106", "warn"),
    Standing("sales/likes", "sales", "likes", "G108", "G108", "waived"),
    Standing("mesh", None, None, "G304", "G304", "pass"),
)
FOUND = Assessment({"sales/likes": LIKES}, STANDINGS, COVERED, {"sales/likes": COVERED})


def test_shares_of_a_product() -> None:
    assert shares(COVERED) == {
        "documented_share": 0.5,
        "owned": True,
        "sla_declared": False,
        "quality_declared": True,
    }


def test_the_trend_counts_waived_policies_as_kept() -> None:
    numbers = trend(FOUND)
    assert numbers["governance/policies_kept"] == pytest.approx(5 / 7)
    assert numbers["governance/policies_kept_sales"] == pytest.approx(4 / 6)
    counts = [numbers[f"governance/{name}"] for name in ("errors", "warnings", "waived")]
    assert counts == [1, 1, 1]
    assert "| sales | 66.7% | 1 | 1 | 1 |" in numbers["governance/domains"].value
