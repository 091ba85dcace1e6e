from __future__ import annotations

import pytest

from platform_core.diagnostics import UsageError
from platform_core.workspace.run.selection import parse_selection

PRODUCTS = ("hr/employees", "hr/staffing", "sales/baskets", "sales/stores", "sales/transactions")
UPSTREAM = {
    "hr/staffing": ("hr/employees", "sales/stores"),
    "sales/stores": ("sales/cleaned",),
    "sales/cleaned": ("sales/transactions",),  # an internal asset: followed, never selected
    "sales/baskets": ("sales/transactions",),
}


@pytest.mark.parametrize(
    ("words", "selected"),
    [
        ((), set(PRODUCTS)),
        (("sales/stores",), {"sales/stores"}),
        (("hr",), {"hr/employees", "hr/staffing"}),
        (("sales/stores,hr/employees",), {"sales/stores", "hr/employees"}),
        (("sales/stores", "sales/baskets"), {"sales/stores", "sales/baskets"}),
        (("+sales/stores",), {"sales/transactions", "sales/stores"}),
        (("sales/stores+",), {"sales/stores", "hr/staffing"}),
        (("+sales/stores+",), {"sales/transactions", "sales/stores", "hr/staffing"}),
        (("+hr/staffing",), {"hr/employees", "hr/staffing", "sales/stores", "sales/transactions"}),
        (("hr+", "sales/baskets"), {"hr/employees", "hr/staffing", "sales/baskets"}),
    ],
)
def test_the_products_of_a_selection(words: tuple[str, ...], selected: set[str]) -> None:
    assert parse_selection(words, PRODUCTS).resolve(UPSTREAM) == selected


def test_only_plus_needs_the_graph() -> None:
    assert not parse_selection(["hr", "sales/stores"], PRODUCTS).follows_graph
    assert parse_selection(["hr", "+sales/stores"], PRODUCTS).follows_graph


@pytest.mark.parametrize(
    ("word", "code", "fix"),
    [
        ("sales/transaction", "U043", 'did you mean "sales/transactions"?'),
        ("transactions", "U043", 'did you mean "sales/transactions"?'),
        ("sales.transaction", "U043", 'did you mean "sales/transactions"?'),
        ("+slaes", "U042", 'did you mean "sales"?'),
        ("zzz", "U042", "List the products: `mesh products`"),
        ("+", "U042", "List the products: `mesh products`"),
    ],
)
def test_an_unknown_name_has_a_suggestion(word: str, code: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_selection(["hr", word], PRODUCTS)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.fix) == (code, fix)
