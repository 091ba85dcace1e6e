from platform_core import Source, Table, data_product

FILES = Source("personnel/files", path="files.bin", description="The personnel files.")


@data_product(inputs={"files": FILES})
def people(files):
    raise NotImplementedError


@data_product(
    inputs={
        "people": "crew/people",
        "stores": "shop/stores",
    }
)
def roster(people: Table, stores: Table) -> str:
    return f"SELECT employee_id, store_id FROM {people}, {stores}"
