from platform_core import Input, Source, Table, data_product

TILLS = Source("tills/receipts", path="receipts.bin", description="What the tills deliver.")


@data_product(inputs={"receipts": TILLS})
def sales(receipts):
    raise NotImplementedError


@data_product(inputs={"lines": "shop/sales"})
def stores(lines: Table) -> str:
    return f"SELECT store_id, count(*) AS sale_count FROM {lines} GROUP BY store_id"


@data_product(inputs={"lines": "shop/sales"})
def visits(lines: Table) -> str:
    return f"SELECT sold_at, customer_id FROM {lines}"


@data_product(
    inputs={
        "stores": Input("shop/stores", columns=("store_id", "sale_count")),
        "roster": Input("crew/roster", columns=("employee_id", "store_id")),
    }
)
def performance(stores, roster):
    raise NotImplementedError
