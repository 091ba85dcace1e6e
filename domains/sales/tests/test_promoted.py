from decimal import Decimal
from typing import Any

import pytest

from platform_core.testing import Evaluation, evaluate
from sales.promoted import promoted_sales


def line(product: int, basket: int, **values: Any) -> dict[str, Any]:
    usual = {"store_id": 10, "week": 9, "sales_value": "2.50", "retail_disc": "0.50"}
    return usual | {"product_id": product, "basket_id": basket} | values


def placed(product: int, display: str, mailer: str, **values: Any) -> dict[str, Any]:
    usual = {"store_id": 10, "week": 9}
    return usual | {"product_id": product, "display_location": display, "mailer_location": mailer} | values


def promoted(*promotions: dict[str, Any], attribution: list[dict[str, Any]] | None = None) -> Evaluation:
    return evaluate(
        promoted_sales,
        lines=[line(1000, 1), line(1000, 2), line(2000, 2), line(1000, 3, store_id=20)],
        articles=[{"product_id": 1000, "department": "GROCERY"}],
        promotions=list(promotions),
        attribution=attribution or [],
    )


def grocery(result: Evaluation, store: int = 10) -> dict[str, Any]:
    assert result.failed == []
    [row] = [row for row in result.rows if (row["department"], row["store_id"]) == ("GROCERY", store)]
    return row


@pytest.mark.parametrize(
    ("promotions", "placement"),
    [
        ([placed(1000, "7", "0")], "display"),
        ([placed(1000, "0", "A")], "mailer"),
        ([placed(1000, "7", "0"), placed(1000, "0", "A"), placed(1000, "1", "A")], "display_and_mailer"),
        ([placed(1000, "7", "0", week=10)], "none"),
        ([placed(1000, "7", "0", store_id=30)], "unknown"),
    ],
)
def test_sales_have_their_placement_and_never_multiply(
    promotions: list[dict[str, Any]], placement: str
) -> None:
    row = grocery(promoted(*promotions))
    assert row["placement"] == placement
    assert (row["line_count"], row["sales_value"], row["loyalty_discount"]) == (
        2,
        Decimal("5.00"),
        Decimal("1.00"),
    )


def test_attributed_sales_are_added_up_once_per_line() -> None:
    shares = [{"basket_id": 1, "product_id": 1000, "attributed_sales": "1.2500"}] * 2
    row = grocery(promoted(placed(1000, "7", "0"), attribution=shares))
    assert (row["attributed_line_count"], row["attributed_sales"]) == (1, Decimal("2.5000"))
    assert row["line_count"] == 2


def test_lines_of_unknown_products_are_kept() -> None:
    result = promoted(placed(1000, "7", "0"))
    assert sum(row["sales_value"] for row in result.rows) == Decimal("10.00")
    assert {row["department"] for row in result.rows} == {"GROCERY", "(unknown)"}
