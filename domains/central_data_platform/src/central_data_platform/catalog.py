"""The catalog of data products, from their contracts alone."""

from collections import Counter
from typing import Any

import pyarrow as pa

from platform_core import data_product
from platform_core.contracts.model import DataProduct
from platform_core.registry.lookup import Registry

CATALOG = pa.schema(
    {
        "product_id": pa.string(),
        "domain": pa.string(),
        "product": pa.string(),
        "contract_faults": pa.int64(),
        "contract_version": pa.string(),
        "status": pa.string(),
        "owner": pa.string(),
        "purpose": pa.string(),
        "column_count": pa.int64(),
        "documented_columns": pa.int64(),
        "personal_columns": pa.int64(),
        "rule_count": pa.int64(),
        "partitioned_by": pa.string(),
        "deadline": pa.string(),
        "granted_to": pa.string(),
        "restricted": pa.bool_(),
    }
)


@data_product
def data_product_catalog() -> pa.Table:
    registry = Registry.open()
    products, diagnostics = registry.scan()
    readable = {product.id: described(product) for product in products}
    faults = Counter(fault.place.path for fault in diagnostics if fault.place is not None)
    rows = []
    for name in registry.names():
        domain, product = name.split("/", maxsplit=1)
        found = readable.get(name, {})
        # A contract that did not load has a fault, whether or not the scan could say where.
        faulty = 0 if found else max(1, faults[registry.path(name)])
        rows.append(
            {"product_id": name, "domain": domain, "product": product, "contract_faults": faulty} | found
        )
    return pa.Table.from_pylist(rows, schema=CATALOG)


def described(product: DataProduct) -> dict[str, Any]:
    """The columns of the catalog that come from inside a contract."""
    deadline, partitions = product.deadline, product.partitions
    return {
        "contract_version": product.version,
        "status": product.status,
        "owner": product.owner,
        "purpose": product.purpose,
        "column_count": len(product.columns),
        "documented_columns": sum(bool(column.description) for column in product.columns),
        "personal_columns": sum(
            not {"personal", "pseudonymous"}.isdisjoint(column.tags) for column in product.columns
        ),
        "rule_count": len(product.rules),
        "partitioned_by": partitions.every if partitions else None,
        "deadline": f"{deadline.schedule} {deadline.timezone}" if deadline else None,
        "granted_to": ", ".join(grant.role for grant in product.grants if grant.access == "read"),
        "restricted": product.restricted,
    }
