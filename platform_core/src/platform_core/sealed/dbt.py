"""The database that dbt builds in: sealed views of a model's sources, and a file that is thrown away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from platform_core.lake.engine import configure_engine
from platform_core.sealed.engine import shut
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.version import VersionColumn, VersionFiles
from platform_core.sql.quoting import literal, quoted


@dataclass(frozen=True)
class DbtBuild:
    """A build in a folder that the platform creates and removes."""

    folder: Path
    lake: str
    """The name of the database in models: the lake of the product."""
    schema: str
    sources: Mapping[str, VersionFiles]
    """The rows of the sources by lake and name, ``hr.store_staffing``."""

    @property
    def database(self) -> Path:
        return self.folder / "build.duckdb"

    def save(self) -> dict[str, Any]:
        """Store the build for dbt's process; returns the output of the profile for dbt."""
        (self.folder / "build.json").write_text(json.dumps(asdict(self), default=str), encoding="utf-8")
        return {
            "type": "duckdb",
            "path": ":memory:",
            "database": self.lake,
            "schema": self.schema,
            "threads": 1,
            "plugins": [
                {"module": "platform_core.sealed.dbt_plugin", "config": {"folder": str(self.folder)}}
            ],
            # The plugin attaches it; dbt-duckdb needs the entry.
            "attach": [{"path": str(self.database), "alias": self.lake}],
        }

    @classmethod
    def saved_in(cls, folder: Path) -> Self:
        saved = json.loads((folder / "build.json").read_text(encoding="utf-8"))
        sources = {
            name: VersionFiles(
                tuple(VersionColumn(*each) for each in s["columns"]), tuple(s["files"]), s["evolved"]
            )
            for name, s in saved["sources"].items()
        }
        return cls(folder, saved["lake"], saved["schema"], sources)

    def show(self, connection: duckdb.DuckDBPyConnection, files: SealedFiles) -> None:
        """Attach the database, create views of the sources, and lock the connection down. Raises OSError."""
        connection.execute("SET allow_persistent_secrets = false")
        configure_engine(connection)
        connection.execute(f"ATTACH IF NOT EXISTS {literal(str(self.database))} AS {quoted(self.lake)}")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.lake)}.{quoted(self.schema)}")
        files.show(connection)
        for source, version in self.sources.items():
            lake, name = source.split(".")
            if lake != self.lake:
                connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {quoted(lake)}")
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS {quoted(lake)}."products"')
            opened = version.opened(files, source)
            connection.execute(
                f'CREATE OR REPLACE VIEW {quoted(lake)}."products".{quoted(name)} AS {opened.query}'
            )
        paths = [self.database, self.database.with_name(f"{self.database.name}.wal")]
        shut(connection, self.folder / "spill", paths)
