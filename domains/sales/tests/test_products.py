from datetime import datetime
from decimal import Decimal
from typing import Any

from platform_core.testing import Evaluation, evaluate
from sales.products import household_baskets, products, transactions


def line(**values: Any) -> dict[str, Any]:
    """A line of the ledger that keeps the contract, with other values where a test needs them."""
    usual = {
        "household_id": 1,
        "store_id": 10,
        "basket_id": 100,
        "product_id": 1000,
        "quantity": 1,
        "sales_value": 2.5,
        "retail_disc": 0.5,
        "coupon_disc": 0.0,
        "coupon_match_disc": 0.0,
        "week": 10,
        "transaction_timestamp": datetime(2017, 3, 2, 17, 0),
    }
    return usual | values


def article(**values: Any) -> dict[str, Any]:
    usual = {
        "product_id": 1000,
        "manufacturer_id": 7,
        "department": "GROCERY",
        "brand": "National",
        "product_category": "FRZN ICE",
    }
    return usual | values


def severities(result: Evaluation) -> dict[str, str]:
    """The severity of each broken rule."""
    return {o.rule.name: o.rule.severity for o in result.outcomes if not o.passed}


def test_products_keep_missing_values_of_the_label() -> None:
    result = evaluate(products, raw=[article()])
    assert result.failed == []
    assert result.rows[0]["package_size"] is None


def test_products_of_a_new_department_are_refused() -> None:
    result = evaluate(products, raw=[article(department="GROCERIES")])
    assert result.failed == ["accepted_values__department"]


def test_a_product_without_category_is_warned_of() -> None:
    result = evaluate(products, raw=[article(), article(product_id=1001, product_category=None)])
    assert result.failed == ["uncategorised_products"]


def test_a_product_listed_twice_is_refused() -> None:
    result = evaluate(products, raw=[article(), article(brand="Private")])
    assert result.failed == ["unique__product_id"]


def test_money_is_decimal() -> None:
    # 2.4999999990 is how the source writes 2.50 on some lines; ten such lines must not drift apart.
    result = evaluate(transactions, raw=[line(product_id=n, sales_value=2.4999999990) for n in range(1, 11)])
    assert result.failed == []
    assert sum(row["sales_value"] for row in result.rows) == Decimal("25.00")


def test_a_quantity_of_nothing_is_warned_of_and_less_is_refused() -> None:
    assert severities(evaluate(transactions, raw=[line(quantity=0)])) == {"quantity_positive": "warning"}
    assert severities(evaluate(transactions, raw=[line(quantity=-1)])) == {"range__quantity": "error"}


def test_a_product_is_in_a_basket_once() -> None:
    assert evaluate(transactions, raw=[line(), line(basket_id=101)]).failed == []
    twice = evaluate(transactions, raw=[line(), line(quantity=2)])
    assert twice.failed == ["unique__basket_id__product_id"]


def test_a_basket_adds_up_its_lines() -> None:
    result = evaluate(
        household_baskets,
        lines=[
            line(sales_value="2.50", retail_disc="0.50"),
            line(product_id=1001, sales_value="1.25", coupon_disc="0.30", retail_disc="0.00"),
            line(basket_id=101, household_id=2),
        ],
    )
    assert result.failed == []
    first, second = sorted(result.rows, key=lambda row: row["basket_id"])
    assert first["line_count"] == 2
    assert first["basket_value"] == Decimal("3.75")
    assert first["discount_value"] == Decimal("0.80")
    assert (second["household_id"], second["line_count"]) == (2, 1)


def test_a_basket_of_two_households_breaks_the_key() -> None:
    result = evaluate(household_baskets, lines=[line(), line(product_id=1001, household_id=2)])
    assert result.failed == ["unique__basket_id"]
