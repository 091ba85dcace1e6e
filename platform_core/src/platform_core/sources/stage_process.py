"""The staging process: reads sources into Parquet files, apart from the process that publishes.

``python -m platform_core.sources.stage_process`` takes one order on its standard input and answers on its
standard output. A database that hangs, breaks off or aborts its client reaches only this process, which dies
with its parent.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from itertools import groupby
from typing import Any

from platform_core.diagnostics import PlatformError, SourceError
from platform_core.sealed.landlock import die_with_parent
from platform_core.secrets import confidential
from platform_core.sources.order import LOCK_COMMAND, Order, Reader, Staged
from platform_core.sql.types import canonical_type
from platform_core.words import did_you_mean, listed


def main() -> int:
    die_with_parent()
    orders, who, seconds = pickle.load(sys.stdin.buffer)
    try:
        answer: dict[str, Any] = {"staged": stage(orders, who, seconds)}
    except PlatformError as error:
        faults = [[f.code, f.message, f.expected, f.fix] for f in error.diagnostics]
        answer = {"faults": [[text and _hidden(text, orders) for text in fault] for fault in faults]}
    json.dump(answer, sys.stdout)
    return 0


def stage(orders: list[Order], who: str, seconds: float) -> dict[str, Any]:
    """Read the orders; returns the members of ``Staged`` by argument. Raises SourceError S020 to S025."""
    staged: dict[str, Any] = {}
    by_database = sorted(orders, key=lambda order: order.database)
    for _, group in groupby(by_database, key=lambda order: order.database):
        together = list(group)
        # Only the modules of these kinds are imported.
        module = import_module(f"platform_core.sources.readers.{together[0].source.kind}")
        with module.opened(together, who, seconds) as reader:
            for order in together:
                staged[order.argument] = asdict(_staged(reader, order))
    return staged


def _staged(reader: Reader, order: Order) -> Staged:
    types = reader.types(order)
    if not order.out:
        return Staged(types)
    _require_same(order, types)
    rows = reader.write(order, types if order.columns is None else order.columns)
    by = order.source.time_column
    newest = reader.newest(order, by) if by and order.source.latency else None
    return Staged(types, rows, reader.version, newest)


def _require_same(order: Order, types: Mapping[str, str]) -> None:
    """Refuse a source whose columns are not those that are declared or locked (S023)."""
    for name, kind in (order.columns or {}).items():
        found = types.get(name)
        if found is None:
            message = f"the source {order.source.name} has no column {name}"
            expected = f"columns of {order.source.origin}: {listed(list(types))}"
            fix = did_you_mean(name, types) or f"Lock its columns again: `{LOCK_COMMAND}`."
        elif canonical_type(found) != canonical_type(kind):
            message = f"the column {name} of the source {order.source.name} was {kind} and is {found} now"
            expected = f"{kind}, as it is declared or locked"
            fix = f"Lock its columns again and follow them in the function: `{LOCK_COMMAND}`."
        else:
            continue
        raise SourceError.of("S023", message, None, expected, fix)


def _hidden(text: str, orders: list[Order]) -> str:
    """A text without the passwords and secrets of the orders, which a server may repeat."""
    for order in orders:
        for value in confidential(order.source.secret) if order.source.secret is not None else ():
            text = text.replace(value, "***")
    return text


if __name__ == "__main__":
    sys.exit(main())
