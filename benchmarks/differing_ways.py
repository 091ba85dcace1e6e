"""Two versions of the promotions: python -m benchmarks.differing_ways publish | join | changed | same."""

from __future__ import annotations

import json
import sys
import time

from benchmarks.promotions import KEY, PRODUCT, SELECT, TABLE, lakes, since
from platform_core.access.diff.versions import difference
from platform_core.lake.lakes import current_lakes
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import stamps
from platform_core.registry.lookup import Registry

OTHER = f"if(hash({KEY}) % 20940 = 0, -product_id, product_id) AS product_id"  # of 1,000 rows
VERSIONS = (f"SELECT * REPLACE ({OTHER}) FROM ({SELECT})", SELECT, f"{SELECT} ORDER BY week")
COUNTS = "count(*) FILTER (a.i IS NULL), count(*) FILTER (b.i IS NULL)"

if __name__ == "__main__":
    product, location, way = Registry.open().get(PRODUCT), current_lakes(), sys.argv[1]
    with lakes() as connection:
        for select in VERSIONS if way == "publish" else ():
            stamp = Stamp("benchmark", product.id)
            publish_table(connection, location, product, select, stamp=stamp, audit=str)
        new, same, other = (number for number, _, _ in stamps(connection, product.lake, product.id))
        began = time.monotonic(), time.process_time()
        if way == "join":
            sides = (f"(SELECT *, true AS i FROM {TABLE} AT (VERSION => {n}))" for n in (other, new))
            joined = " FULL JOIN ".join(f"{side} {name}" for side, name in zip(sides, "ab", strict=True))
            connection.execute(f"SELECT {COUNTS} FROM {joined} USING ({KEY})").fetchall()
    if way in ("changed", "same"):
        began = time.monotonic(), time.process_time()
        difference(product, location, str(other if way == "changed" else same))
    print(json.dumps(since(*began)))
