"""The pages of assets in Dagster's UI: incidents and service levels, as observations."""

from __future__ import annotations

from typing import Any

import dagster as dg

from platform_core.contracts.product_id import ProductId
from platform_core.fingerprint.made_from import digest
from platform_core.operations.alerts.outbox import UI
from platform_core.operations.alerts.text import named
from platform_core.operations.ledger.levels import Level
from platform_core.operations.store.journal import Message

LEVELS = "levels"
"""The phase of a message with service levels."""


def level_message(level: Level, version: int | None) -> Message:
    """The message that shows the service level of a product, as one version of the levels has it."""
    facts = {"attained": level.attained, "own": level.own, "target": level.target, "kept": level.words}
    body = {"assets": [level.product_id], "words": f"{level.words}.".capitalize(), "facts": facts}
    return Message(digest(LEVELS, level.product_id, str(version)), UI, LEVELS, body)


def show(instance: dg.DagsterInstance, message: Message) -> None:
    """Record a message at each asset that it is about."""
    words, facts = message.body.get("words"), message.body.get("facts")
    if words is None or facts is None:
        words, facts = _incident(message)
    metadata = {f"mesh/{name}": value for name, value in facts.items()}
    for product in message.body["assets"]:
        key = dg.AssetKey(ProductId(product).path)
        instance.report_runless_asset_event(dg.AssetObservation(key, words, metadata=metadata))


def _incident(message: Message) -> tuple[str, dict[str, Any]]:
    body, state = message.body, "resolved" if message.phase.startswith("resolved") else "open"
    what = body["what"] if state == "open" else "works again"
    facts = {"incident": f"{body['incident']} ({state})", "incident_cause": body["cause"]}
    return f"Incident {body['incident']}: {named(body['cause'])} {what}.", facts
