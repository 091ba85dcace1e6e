"""A file product: a table, and an extract of each version under one stable name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from platform_core.diagnostics import Place
from platform_core.lake.publication.extracts import difference, write_extract
from platform_core.lake.publication.product_files import FileDraft, ProductFiles
from platform_core.lake.transaction import number
from platform_core.products.assets.hooks import RunHooks
from platform_core.products.run.context import RunContext
from platform_core.quality.gate import ContractBroken
from platform_core.quality.outcome import CheckOutcome, Outcomes
from platform_core.sql.types import describe


class FileHooks(RunHooks):
    """One run of a product with a file per version, which is written before COMMIT."""

    file_draft: FileDraft

    def __init__(self, run: RunContext, place: Place) -> None:
        super().__init__(run, place)
        self.file_draft = FileDraft(run.connection, ProductFiles(run.location, run.product))

    def judged(self, outcomes: Outcomes, wrong: str, rows: int, started: float) -> Outcomes:
        """The outcomes with that of the file, which is ``wrong`` if the text is not empty. Raises
        ContractBroken."""
        rule = next(rule for rule in self.run.product.rules if rule.kind == "file")
        seconds = time.monotonic() - started
        outcomes += (CheckOutcome(rule, not wrong, None, rows, seconds, message=wrong),)
        if wrong:
            raise ContractBroken(self.run.product, outcomes)
        return outcomes

    def keep(self, path: Path, card: Mapping[str, Any]) -> None:
        """Keep the written file, and add its path, bytes and sha256 to the metadata."""
        kept = self.file_draft.keep(path, card, self.run.stamp)
        self.run.metadata.update(
            {
                "mesh/file": dg.MetadataValue.path(str(kept.stable)),
                "mesh/file_format": kept.path.suffix.removeprefix("."),
                "mesh/file_bytes": kept.bytes,
                "mesh/file_sha256": kept.sha256,
            }
        )


class ExtractHooks(FileHooks):
    """One run of a file product, whose file is an extract of the audited version."""

    def audit(self, relation: str) -> Outcomes:
        product, connection = self.run.product, self.run.connection
        outcomes = self.run.audit(relation)
        started = time.monotonic()
        with self.file_draft.draft() as path:
            write_extract(connection, product, relation, path)
            reason = difference(connection, relation, path)
            wrong = f"{path.name} differs from the published rows: {reason}" if reason else ""
            rows = number(connection, f"SELECT count(*) FROM {relation}")
            outcomes = self.judged(outcomes, wrong, rows, started)
            columns = [{"name": n, "type": t} for n, t in describe(connection, f"FROM {relation}").items()]
            self.keep(path, {"contract_version": product.version, "rows": rows, "columns": columns})
        return outcomes
