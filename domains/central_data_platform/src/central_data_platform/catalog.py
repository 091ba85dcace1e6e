"""The catalog of data products, from their contracts alone."""

from typing import Any

import pyarrow as pa

from platform_core import DataProduct, data_product
from platform_core.mesh import contracts

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
    found = contracts()
    rows = [described(product) for product in found.products]
    rows += [identity(name) | {"contract_faults": count} for name, count in found.faults.items()]
    return pa.Table.from_pylist(rows, schema=CATALOG)


def identity(product_id: str) -> dict[str, Any]:
    domain, product = product_id.split("/", maxsplit=1)
    return {"product_id": product_id, "domain": domain, "product": product, "contract_faults": 0}


def described(product: DataProduct) -> dict[str, Any]:
    deadline, partitions = product.deadline, product.partitions
    return identity(product.id) | {
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
