"""The plugin of dbt-duckdb that shows the sources; the generated profile names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from platform_core.sealed.dbt import DbtBuild
from platform_core.sealed.files import SealedFiles


class Plugin(BasePlugin):  # type: ignore[misc]
    """Configured with the ``folder`` of the build. Its files stay open until the process ends."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        self._build = DbtBuild.saved_in(Path(plugin_config["folder"]))
        self._files = SealedFiles()

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        self._build.show(conn, self._files)
