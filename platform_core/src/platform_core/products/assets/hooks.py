"""Hooks of a run for what a product keeps besides its table: a file or a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from platform_core.contracts.partitions import Window
from platform_core.diagnostics import DefinitionError, Place
from platform_core.lake.publication.product_files import FileDraft
from platform_core.lake.publication.tables import Publication, publish_table
from platform_core.products.model import Model
from platform_core.products.run.context import RunContext
from platform_core.quality.outcome import Outcomes


class RunHooks:
    """One run of a product that has only a table."""

    file_draft: FileDraft | None = None
    """The file that the run publishes with the table."""

    def __init__(self, run: RunContext, place: Place) -> None:
        self.run = run
        self.place = place
        """The place of the product's code, for messages."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self.file_draft is not None:
            self.file_draft.discard()

    def rows(self, result: Any) -> Any:
        """The rows of a function's result. Raises DefinitionError D040."""
        if isinstance(result, Model):
            product = self.run.product
            message = f"the function of {product.id} returned a Model, not the rows of a {product.kind}"
            expected = "rows: SQL text, a DuckDB relation, a table, or an iterator"
            fix = "Write physicalType: model in the contract, or return only the scores."
            raise DefinitionError.of("D040", message, self.place, expected, fix)
        return result

    def publish(
        self,
        query: str,
        *,
        reads: Iterable[str] | None = None,
        window: Window | None = None,
        pin: Mapping[str, Any] | None = None,
    ) -> Publication[Outcomes]:
        """Publish the rows of a query. Raises what ``publish_table`` does."""
        run = self.run
        return publish_table(
            run.connection,
            run.location,
            run.product,
            query,
            reads=reads,
            window=window,
            replace=run.whole,
            pin=pin,
            stamp=run.stamp,
            audit=self.audit,
            committed=self.file_draft.committed if self.file_draft is not None else None,
        )

    def audit(self, relation: str) -> Outcomes:
        """Audit the uncommitted version and prepare its file; raises to refuse it."""
        return self.run.audit(relation)
