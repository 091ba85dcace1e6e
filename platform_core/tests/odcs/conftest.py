"""Contracts for tests: a good one, and changes that break it."""

# ruff: noqa: E501 - a contract has one line for a column, however long
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import ContractError, Diagnostic
from platform_core.odcs.reader import load_contract

GOOD = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/orders
version: 1.0.0
status: active
tags: [retail]
description: {purpose: "Orders of the shop.", usage: Join by customer., limitations: None known.}
team: {name: Shop Analytics}
support:
  - {channel: "#shop", tool: slack, url: "https://chat.example.com/shop"}
roles:
  - {role: domain:finance, access: read}
  - {role: analysts, access: read}
slaProperties:
  - property: latency
    value: 5
    unit: h
    scheduler: cron
    schedule: "0 5 * * *"
    customProperties:
      - {property: timezone, value: America/New_York, vendor: platform-core}
  - {property: latency, value: 2, unit: days, element: orders.ordered_at}
  - {property: retention, value: 1, unit: y}
schema:
  - name: orders
    customProperties:
      - property: partitions
        vendor: platform-core
        value: {every: month, start: 2017-01-01, end: 2018-01-01, timezone: America/New_York}
    properties:
      - {name: order_id, logicalType: integer, primaryKey: true, logicalTypeOptions: {minimum: 1}}
      - name: customer_id
        logicalType: integer
        required: true
        tags: [personal]
        classification: Confidential
        relationships:
          - to: crm/customers.odcs.yaml#/schema/customers/properties/customer_id
            customProperties:
              - {property: severity, value: warning, vendor: platform-core}
      - {name: state, logicalType: string, enum: [{value: open}, {value: paid}], logicalTypeOptions: {minLength: 4, maxLength: 6, pattern: "^[a-z]+$"}}
      - {name: total, logicalType: number, physicalType: "decimal(10, 2)", logicalTypeOptions: {exclusiveMinimum: 0, maximum: 999.5}}
      - name: ordered_at
        logicalType: timestamp
        required: true
        partitioned: true
        logicalTypeOptions: {minimum: 2017-01-01T00:00:00Z}
        quality:
          - {metric: nullValues, name: Few nulls!, mustBeLessOrEqualTo: 2, unit: percent, severity: warning}
    quality:
      - {metric: rowCount, mustBeBetween: [1, 5000]}
      - name: paid_orders
        type: sql
        query: SELECT count(*) FROM {object} WHERE state = 'paid' AND total IS NULL;
        mustBe: 0
        customProperties:
          - {property: scope, value: partition, vendor: platform-core}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the good contract, with some of its text replaced."""

    def write(*changes: tuple[str, str], name: str = "orders.odcs.yaml") -> Path:
        text = GOOD
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the contract"
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def load(write: Callable[..., Path]) -> Callable[..., DataProduct]:
    def load(*changes: tuple[str, str]) -> DataProduct:
        return load_contract(write(*changes), "shop")

    return load


@pytest.fixture
def faults(write: Callable[..., Path]) -> Callable[..., tuple[Diagnostic, ...]]:
    """The diagnostics of a broken contract."""

    def faults(*changes: tuple[str, str]) -> tuple[Diagnostic, ...]:
        with pytest.raises(ContractError) as caught:
            load_contract(write(*changes), "shop")
        return caught.value.diagnostics

    return faults
