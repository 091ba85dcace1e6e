"""Fingerprints of makers, kept by their text, so that only a new text is planned by the engine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from platform_core.files import write_whole
from platform_core.fingerprint.made_from import MadeFrom, QueryPrint, identity, library_digest


@dataclass(frozen=True, slots=True)
class KeptPrints:
    """The file with the fingerprints of the last call, all of one engine."""

    file: Path

    def of(self, makers: Iterable[MadeFrom]) -> dict[MadeFrom, QueryPrint]:
        """The fingerprints of makers. Those that are not kept are made now, and all are kept."""
        # DuckDB is imported only for a new text. Other sources may make other fingerprints.
        engine = f"{version('duckdb')} {library_digest()}"
        kept = self._kept(engine)
        wanted = {maker: identity(maker) for maker in makers}
        found = {maker: kept[key] for maker, key in wanted.items() if key in kept}
        if missing := [maker for maker in wanted if maker not in found]:
            from platform_core.fingerprint.query import PlanEngine

            with PlanEngine() as plans:
                found |= {maker: plans.fingerprints(maker) for maker in missing}
            self._keep(engine, {wanted[maker]: prints for maker, prints in found.items()})
        return found

    def _kept(self, engine: str) -> dict[str, QueryPrint]:
        try:
            held = json.loads(self.file.read_bytes())
            if held["engine"] == engine:
                return {key: QueryPrint.of_document(each) for key, each in held["prints"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # the first call, or a file of another version
        return {}

    def _keep(self, engine: str, prints: dict[str, QueryPrint]) -> None:
        document: dict[str, Any] = {key: asdict(each) for key, each in prints.items()}
        # A failed write only costs time at the next call.
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.file, json.dumps({"engine": engine, "prints": document}))
