"""dbt-duckdb's door to the lakes: the plugin that a generated profile names.

dbt keeps the lock itself, from its first connection until its process ends. A lock held by the
process that started it would be free again when that one dies, while dbt writes on.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from platform_core.files import OTHERS
from platform_core.lake.connect import configure
from platform_core.lake.location import LakeLocation
from platform_core.lake.lock import lake_lock

# Never closed: the lock ends with the process. dbt may open a second connection meanwhile.
_until_exit = ExitStack()
_held: set[str] = set()


class Plugin(BasePlugin):  # type: ignore[misc]
    """Configuration: ``root`` of the lakes, the lake to ``write``, the lakes to ``read``."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        self._location = LakeLocation(Path(plugin_config["root"]))
        self._write: str = plugin_config["write"]
        self._read: list[str] = plugin_config["read"]

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        if self._write not in _held:
            _until_exit.enter_context(lake_lock(self._location, self._write, holder="dbt"))
            _held.add(self._write)
            if self._location.is_private(self._write):
                os.umask(OTHERS)  # dbt writes here, and nowhere else
        configure(conn, self._location, write=[self._write], read=self._read)
