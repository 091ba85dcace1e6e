"""The promotions as an asset of the mesh, and a second asset that reads them, in one Dagster run.

It loads only the domain of the promotions, as ``pandas_io`` loads only its two assets.
"""

import json
import time

import dagster as dg

from benchmarks.one_process import all_assets
from benchmarks.promotions import PRODUCT, TABLE
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.transaction import number
from platform_core.products.resource import LakeResource


@dg.asset(deps=[dg.AssetKey(PRODUCT.split("/"))])
def consumer() -> dg.MaterializeResult[None]:
    with connect(current_lakes(), read=["marketing"]) as connection:
        rows = number(connection, f"SELECT count(week) FROM {TABLE}")
    return dg.MaterializeResult(metadata={"rows": rows})


if __name__ == "__main__":
    began = time.monotonic()
    assets = [asset for asset in all_assets(["marketing"]) if asset.key.to_user_string() == PRODUCT]
    dg.materialize([*assets, consumer], resources={"lake": LakeResource()}, instance=dg.DagsterInstance.get())
    print(json.dumps({"seconds": time.monotonic() - began}))
