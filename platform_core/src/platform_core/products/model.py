"""What the function of a model product returns, and how a reader gets the model back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from platform_core.products.artifact import Artifact


@dataclass(frozen=True)
class Model:
    """A fitted model with the scores that it gives, and how good it is.

    The product's table is ``scores``: rows like those of any other product. ``trained_on`` is the
    data frame of features, without the target, that ``estimator`` was fitted on: names and types are
    held against the contract's. ``metrics`` were measured on a holdout that the estimator has not
    seen, ``baseline`` are the same metrics of what it has to beat, on the same holdout. The same
    inputs and the same ``seed`` must make the same model again.
    """

    estimator: Any
    scores: Any
    trained_on: Any
    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    seed: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Shown with the materialization; numbers become plots."""

    @staticmethod
    def load(product: str, *, version: int | None = None, reader: str = "analysts") -> Artifact:
        """The published model of a product, or that of an older version.

        ``reader`` is who reads, a group or ``domain:<name>``: the product must be granted to it.

        Raises:
            AccessDenied: the product is not granted to the reader.
            DefinitionError: D001 for an unknown product, D047 for one that is no model, D044 and D045
                where the artifact cannot be read with what is installed and trusted.
            LakeError: L030 where its file is gone, L031 where it was changed, L032 where there is none.
        """
        from platform_core.products.artifact import load_artifact

        return load_artifact(product, version, reader)
