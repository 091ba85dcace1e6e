"""The incidents that are over: what they were, and how long they took."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa

from platform_core import data_product
from platform_core.mesh import ClosedIncident, incidents_closed

INCIDENTS = pa.schema(
    {
        "incident_id": pa.string(),
        "cause": pa.string(),
        "domain": pa.string(),
        "kind": pa.string(),
        "what": pa.string(),
        "opened": pa.timestamp("us", tz="UTC"),
        "detected": pa.timestamp("us", tz="UTC"),
        "acknowledged": pa.timestamp("us", tz="UTC"),
        "acknowledged_by": pa.string(),
        "resolved": pa.timestamp("us", tz="UTC"),
        "seconds_to_detect": pa.float64(),
        "seconds_to_acknowledge": pa.float64(),
        "seconds_to_repair": pa.float64(),
        "reopened": pa.int64(),
        "affected": pa.int64(),
        "domains_affected": pa.int64(),
    }
)


@data_product
def incidents() -> pa.Table:
    return pa.Table.from_pylist([row(each) for each in incidents_closed()], schema=INCIDENTS)


def row(incident: ClosedIncident) -> dict[str, Any]:
    """The row of an incident. A cause other than a product has no domain, except a code location."""
    kind, _, name = incident.cause.partition(":")
    domain = name if kind == "location" else kind.partition("/")[0] if "/" in kind else None
    facts = {key: value for key, value in asdict(incident).items() if key not in ("id", "affected")}
    return facts | {
        "incident_id": incident.id,
        "domain": domain,
        "seconds_to_detect": seconds(incident.opened, incident.detected),
        "seconds_to_acknowledge": seconds(incident.opened, incident.acknowledged),
        "seconds_to_repair": seconds(incident.opened, incident.resolved),
        "affected": len(incident.affected),
        "domains_affected": len({name.partition("/")[0] for name in incident.affected}),
    }


def seconds(begin: datetime, end: datetime | None) -> float | None:
    return max(0.0, (end - begin).total_seconds()) if end is not None else None
