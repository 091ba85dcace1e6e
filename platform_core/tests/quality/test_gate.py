"""Data that breaks its contract is not published; a warning does not stop it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from platform_core.contracts.model import RuleKind
from platform_core.diagnostics import PublicationRefused
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import table_of
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.quality.gate import CODES, ContractBroken, gate

ROWS = """
SELECT i::INTEGER AS id, 'g' AS guest, 1.0 AS pay, 'r' AS room, TIMESTAMP '2017-01-01' AS seen
FROM range({}) r(i)
"""


def test_a_version_that_breaks_its_contract_is_refused(
    tmp_path: Path, make_rule: Any, make_product: Any
) -> None:
    product = make_product(make_rule("unique", "room"), make_rule("not_null", "id"))
    location, stamp = LocalLakes(tmp_path), Stamp("run", product.id)
    with connect(location, write=[product.lake]) as con:
        check = gate(con, product, resolve=lambda _: None)
        done = publish_table(con, location, product, ROWS.format(1), stamp=stamp, audit=check)
        assert [outcome.passed for outcome in done.audited] == [True, True]

        with pytest.raises(ContractBroken) as error:
            publish_table(con, location, product, ROWS.format(3), stamp=stamp, audit=check)

        assert con.execute(f"SELECT count(*) FROM {table_of(product)}").fetchall() == [(1,)]
    assert isinstance(error.value, PublicationRefused)
    assert [outcome.passed for outcome in error.value.outcomes] == [False, True]
    text = str(error.value)
    assert "error[Q003]" in text
    assert "visits.odcs.yaml:12" in text
    assert "2 of 3 rows" in text


def test_a_warning_does_not_refuse(tmp_path: Path, make_rule: Any, make_product: Any) -> None:
    product = make_product(
        make_rule("unique", "room", severity="warning"), make_rule("sql", query="SELEKT", severity="info")
    )
    location = LocalLakes(tmp_path)
    with connect(location, write=[product.lake]) as con:
        done = publish_table(
            con,
            location,
            product,
            ROWS.format(3),
            stamp=Stamp("run", product.id),
            audit=gate(con, product, resolve=lambda _: None),
        )
    assert [outcome.passed for outcome in done.audited] == [False, False]
    assert done.rows == 3


def test_an_aborted_transaction_is_refused_also_for_a_warning(
    tmp_path: Path, make_rule: Any, make_product: Any
) -> None:
    """DuckDB has aborted it, so no version can be published, and the diagnostic reports it."""
    query = "SELECT sum(guest::INTEGER) FROM ${table}"
    product = make_product(make_rule("sql", query=query, severity="warning"))
    location = LocalLakes(tmp_path)
    with connect(location, write=[product.lake]) as con:
        with pytest.raises(PublicationRefused, match="Q012"):
            publish_table(
                con,
                location,
                product,
                ROWS.format(3),
                stamp=Stamp("run", product.id),
                audit=gate(con, product, resolve=lambda _: None),
            )
        assert con.execute("SELECT 1").fetchall() == [(1,)]


def test_every_kind_of_rule_has_a_code_of_its_own() -> None:
    assert set(CODES) == set(get_args(RuleKind))
    assert len(set(CODES.values())) == len(CODES)
