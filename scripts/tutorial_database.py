"""Start the database of the tutorial: Postgres from a wheel, on the loopback interface, until Ctrl-C.

    .venv/bin/python scripts/tutorial_database.py

It prints the secret that leads to it. Its files are in ``.mesh/tutorial`` and removed at the end.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "platform_core" / "tests"))  # the server of the library's tests

from servers import postgres  # type: ignore[import-not-found]  # noqa: E402

TRIPS = """
CREATE TABLE trips (trip_id bigint PRIMARY KEY, booked_on date NOT NULL, city text NOT NULL,
  nights integer NOT NULL, price numeric(10, 2) NOT NULL);
INSERT INTO trips SELECT i, date '2024-01-01' + (i * 7 % 366),
  (ARRAY['Lisbon', 'Oslo', 'Prague', 'Rome'])[1 + i % 4], 1 + i % 14, 80 * (1 + i % 14) + (i * 37 % 100)
  FROM generate_series(1, 5000) i;
CREATE INDEX ON trips (booked_on);
"""


def main() -> None:
    """Serve until Ctrl-C."""
    home = ROOT / ".mesh"
    home.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="tutorial-", dir=home) as folder,
        postgres(Path(folder)) as server,
    ):
        server.run(TRIPS)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.default_int_handler)
        print(f"export MESH_SECRET_TRIPS_DB='{server.url}'", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
