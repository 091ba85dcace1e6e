"""Incidents on the asset pages of Dagster's UI, as observations of the affected assets."""

from __future__ import annotations

import dagster as dg

from platform_core.contracts.product_id import ProductId
from platform_core.operations.alerts.text import named
from platform_core.operations.store.journal import Message


def show(instance: dg.DagsterInstance, message: Message) -> None:
    """Record the opening or the end of an incident at each asset that it affects."""
    body = message.body
    state = "resolved" if message.phase.startswith("resolved") else "open"
    words = f"{named(body['cause'])} {body['what'] if state == 'open' else 'works again'}"
    for product in body["assets"]:
        metadata = {
            "mesh/incident": dg.MetadataValue.text(f"{body['incident']} ({state})"),
            "mesh/incident_cause": dg.MetadataValue.text(body["cause"]),
        }
        key, words_of = dg.AssetKey(ProductId(product).path), f"Incident {body['incident']}: {words}."
        instance.report_runless_asset_event(dg.AssetObservation(key, words_of, metadata=metadata))
