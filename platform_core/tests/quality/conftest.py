"""Products and rules without contracts' files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from platform_core.contracts.model import Column, DataProduct, Partitions, Rule, RuleKind
from platform_core.diagnostics import Place

PLACE = Place(Path("visits.odcs.yaml"), 12)
MakeRule = Callable[..., Rule]
MakeProduct = Callable[..., DataProduct]


@pytest.fixture
def make_rule() -> MakeRule:
    def make(kind: RuleKind, *columns: str, name: str | None = None, **said: Any) -> Rule:
        return Rule(name or f"{kind}_{'_'.join(columns)}", kind, PLACE, columns, **said)

    return make


@pytest.fixture
def make_product() -> MakeProduct:
    """``sales/visits``: ``id`` is the key, ``guest`` is personal, ``pay`` restricted."""

    def make(*rules: Rule, keyed: bool = True, partitioned: bool = False) -> DataProduct:
        columns = (
            Column("id", PLACE, "integer", key_position=1 if keyed else None),
            Column("guest", PLACE, "string", tags=("personal",)),
            Column("pay", PLACE, "number", classification="restricted"),
            Column("room", PLACE, "string"),
            Column("seen", PLACE, "timestamp"),
        )
        grid = Partitions("seen", "month", datetime(2017, 1, 1), "UTC", PLACE) if partitioned else None
        return DataProduct(
            "sales", "visits", PLACE.path, PLACE, "1.0.0", "active", columns, rules, partitions=grid
        )

    return make
