"""A product's function on made-up inputs, as domains test theirs."""

from __future__ import annotations

import sys

import pytest
from small_mesh import SALES, SmallMesh

from platform_core.diagnostics import UsageError
from platform_core.products.declare import ProductFunction
from platform_core.testing import evaluate


@pytest.fixture
def copy(mesh: SmallMesh) -> ProductFunction:
    mesh.contract("shop/sales", SALES)
    mesh.contract("other/copy", SALES)
    mesh.code(
        "other",
        """
        @data_product(inputs={"sales": "shop/sales"})
        def copy(sales: Table) -> str:
            return f"SELECT id, amount - 1 AS amount, who FROM {sales}"
        """,
    )
    mesh.definitions("other")
    function = sys.modules["other.products"].copy
    assert isinstance(function, ProductFunction)
    return function


def test_rows_that_keep_the_contract(copy: ProductFunction) -> None:
    result = evaluate(copy, sales=[{"id": 1, "amount": 3}, {"id": 2, "amount": 1}])
    assert result.rows == [
        {"id": 1, "amount": 2.0, "who": None},
        {"id": 2, "amount": 0.0, "who": None},
    ]
    assert result.failed == []


def test_rows_that_break_it(copy: ProductFunction) -> None:
    assert evaluate(copy, sales=[{"id": 1, "amount": 0}, {"id": 1}]).failed == [
        "unique__id",
        "not_null__amount",
        "range__amount",
    ]


def test_inputs_that_are_left_out_are_empty(copy: ProductFunction) -> None:
    assert evaluate(copy).rows == []


@pytest.mark.parametrize(
    ("inputs", "words"),
    [({"sale": []}, 'did you mean "sales"'), ({"sales": [{"amuont": 1}]}, 'did you mean "amount"')],
)
def test_unknown_inputs_and_columns_are_named(
    copy: ProductFunction, inputs: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        evaluate(copy, **inputs)


def test_a_stream_is_judged_over_all_its_batches(mesh: SmallMesh) -> None:
    stream = """\
    physicalType: stream
    customProperties: [{property: eventTime, value: day, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: day, logicalType: date, required: true}
"""
    mesh.contract("other/clicks", stream)
    mesh.code(
        "other",
        """
        @data_product(inputs={"inbox": Source("till/clicks", path="no/*.csv")})
        def clicks(inbox):
            for batch in inbox:
                yield Batch(batch.id, f"SELECT id, DATE '2024-05-01' AS day FROM {batch}")
        """,
    )
    mesh.definitions("other")
    clicks = sys.modules["other.products"].clicks
    result = evaluate(clicks, inbox={"a": [{"id": 1}, {"id": 2}], "b": [{"id": 3}]})
    assert [row["id"] for row in result.rows] == [1, 2, 3]
    assert result.failed == []
    assert evaluate(clicks, inbox={"a": [{"id": 1}], "b": [{"id": 1}]}).failed == ["unique__id"]
    assert evaluate(clicks).rows == []
