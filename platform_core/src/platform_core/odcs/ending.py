"""The announced end of a product: ``endOfSupport``, ``endOfLife`` and ``successor`` of a contract."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from platform_core.contracts.model import Ending
from platform_core.contracts.product_id import ProductId
from platform_core.odcs.custom_properties import text_property
from platform_core.odcs.identity import Identity
from platform_core.source.cursor import Node

ENDS: Final = ("endOfSupport", "endOfLife")


def read_ending(contract: Node, identity: Identity) -> Ending | None:
    """The end that a contract announces; None without one. Faults: C066 for a value that is not a date, for
    two of a kind, for an end of life before that of support, and for a successor that is not another
    product's id."""
    found: dict[str, date] = {}
    place = None
    for node in contract.items("slaProperties"):
        name, value = node.text("property") or "", node["value"]
        if name not in ENDS:
            continue
        if name in found:
            node["property"].error("C066", f"duplicate {name}", f"one {name}")
        if (day := _day(value.value)) is None:
            value.error("C066", f'"{value.value}" is not a date', f"{name}: a date as 2027-03-31")
            continue
        found[name], place = day, place or value.place()
        if found.get("endOfSupport", day) > found.get("endOfLife", date.max):
            value.error("C066", "the life ends before the support does", "endOfLife on that day or later")
    successor = text_property(contract, "successor")
    if successor is not None:
        name = str(successor.value).strip()
        domain, _, product = name.partition("/")
        if not (domain and product) or name == ProductId.of(identity.domain, identity.name):
            successor.error("C066", f'"{name}" is not another product', "successor: <domain>/<product>")
    if not found and successor is None:
        return None
    return Ending(
        place or (successor or contract).place(),
        found.get("endOfSupport"),
        found.get("endOfLife"),
        str(successor.value).strip() if successor is not None else None,
    )


def _day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        return None
