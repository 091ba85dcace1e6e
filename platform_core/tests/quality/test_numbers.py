"""Rules for numbers in decimal, and for values that are not numbers."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_mesh import SmallMesh

from platform_core.contracts.bounds import Bounds
from platform_core.products.evaluate import judge
from platform_core.quality.outcome import CheckOutcome
from platform_core.sources.source import Source

PRICE = """\
    properties:
      - {{name: price, logicalType: number, required: true, logicalTypeOptions: {options}{more}}}
"""
ALLOWED = ", customProperties: [{property: specialFloats, value: allowed, vendor: platform-core}]"
SPECIAL = ("'nan'::DOUBLE", "'inf'::DOUBLE", "'-inf'::DOUBLE")


def broken(root: Path, values: str, options: str, more: str = "") -> dict[str, CheckOutcome]:
    """The names of the checks that values of a column break."""
    mesh = SmallMesh.make(root, "shop")
    mesh.contract("shop/prices", PRICE.format(options=options, more=more))
    product = mesh.registry.get("shop/prices")
    kinds = {rule.kind for rule in product.rules}
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE prices AS SELECT unnest([{values}]) AS price")
        outcomes = judge(con, product, "prices", kinds)
    return {outcome.rule.name: outcome for outcome in outcomes if not outcome.passed}


@pytest.mark.parametrize("value", SPECIAL)
@pytest.mark.parametrize(
    "options",
    [
        "{minimum: 0}",
        "{maximum: 100}",
        "{minimum: 0, maximum: 100}",
        "{exclusiveMinimum: -1}",
        "{multipleOf: 1}",
    ],
)
def test_nan_and_infinities_are_out_of_every_range(tmp_path: Path, options: str, value: str) -> None:
    [outcome] = broken(tmp_path, f"1, {value}", options).values()
    assert outcome.violations == 1


@pytest.mark.parametrize("options", ["{minimum: 0, maximum: 100}", "{multipleOf: 1}"])
def test_nan_and_infinities_that_the_contract_allows(tmp_path: Path, options: str) -> None:
    assert broken(tmp_path, f"1, {', '.join(SPECIAL)}", options, ALLOWED) == {}
    [outcome] = broken(tmp_path, f"-0.5, {', '.join(SPECIAL)}", options, ALLOWED).values()
    assert outcome.violations == 1


def test_nan_and_infinities_are_not_missing_values(tmp_path: Path) -> None:
    assert broken(tmp_path, ", ".join(SPECIAL), "{}") == {}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "limits", [Bounds(), Bounds(minimum=0), Bounds(not_equal=1), Bounds(minimum=1, maximum=2, outside=True)]
)
def test_a_query_without_a_number_fails(limits: Bounds, value: float) -> None:
    assert not limits.passes(value)


@pytest.mark.parametrize(
    ("step", "values", "violations"),
    [
        ("0.01", "4.02::DOUBLE, 19.99, 0.07, -4.02, 1e20, 123456789.01", 0),
        ("0.01", "0.005::DOUBLE, 4.021, 1e-9, 19.990000000000002", 4),
        ("0.01", "1e40::DOUBLE, 1.7e308", 0),
        ("0.07", "0.07::DOUBLE, 0.14, 0.21, 0.35", 0),
        ("5", "5::BIGINT, 9007199254740995, -10", 0),
        ("5", "6::BIGINT, 9007199254740993", 2),
        ("0.25", "0.25::DECIMAL(38,2), 0.5", 0),
        ("0.25", "99999999999999999999999999999999999.999::DECIMAL(38,3)", 1),
        ("1e-7", "0.0000001::DOUBLE, 0.0000003", 0),
    ],
)
def test_multiples_are_decimal(tmp_path: Path, step: str, values: str, violations: int) -> None:
    found = broken(tmp_path, values, f"{{multipleOf: {step}}}")
    if not violations:
        assert found == {}
        return
    outcome = found["multiple_of__price"]
    assert outcome.violations == violations
    assert f"a multiple of {float(step) if '.' in step else int(step)}" in outcome.message


def test_a_text_has_no_multiples(tmp_path: Path) -> None:
    found = broken(tmp_path, "'1.5'", "{multipleOf: 0.5, minimum: 0}")
    assert "VARCHAR" in found["multiple_of__price"].message


def assert_multiples(step: Fraction, values: list[float], root: Path) -> None:
    written = f"{float(step):.3f}"
    count = sum(Fraction(repr(value)) % step != 0 for value in values)
    found = broken(root, ", ".join(f"{value!r}::DOUBLE" for value in values), f"{{multipleOf: {written}}}")
    assert (found["multiple_of__price"].violations if found else 0) == count, values


STEPS = st.sampled_from([Fraction(n, 1000) for n in (1, 5, 10, 70, 250, 1000)])
NUMBERS = st.lists(st.integers(-(10**9), 10**9).map(lambda n: n / 1000), min_size=1, max_size=50)


@settings(max_examples=10, deadline=None)
@given(step=STEPS, values=NUMBERS)
def test_multiples_match_exact_numbers(
    tmp_path_factory: pytest.TempPathFactory, step: Fraction, values: list[float]
) -> None:
    assert_multiples(step, values, tmp_path_factory.mktemp("mesh"))


@pytest.mark.full
@settings(max_examples=300, deadline=None)
@given(step=STEPS, values=NUMBERS)
def test_many_multiples_match_exact_numbers(
    tmp_path_factory: pytest.TempPathFactory, step: Fraction, values: list[float]
) -> None:
    assert_multiples(step, values, tmp_path_factory.mktemp("mesh"))


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_a_text_of_many_megabytes_works_in_every_source(tmp_path: Path, suffix: str) -> None:
    text, file = 'x\n"' * 7_000_000, tmp_path / f"notes.{suffix}"
    source = Source("till/notes", path=str(file))
    with duckdb.connect() as con:
        if suffix == "json":
            file.write_text(json.dumps([{"id": 1, "note": text}, {"id": 2, "note": ""}]))
        else:
            rows = "SELECT 1 AS id, repeat('x\n\"', 7_000_000) AS note UNION ALL SELECT 2, 'short'"
            con.execute(f"COPY ({rows}) TO '{file}'")
        rows = con.execute(f"SELECT max(length(note)), count(*) FROM ({source.query()})").fetchall()
    assert rows == [(21_000_000, 2)]
