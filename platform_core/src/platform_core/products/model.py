"""The return value of a model product's function, and how a reader loads the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from platform_core.products.artifact import Artifact


@dataclass(frozen=True)
class Model:
    """A fitted model with its scores and metrics.

    The product's table is ``scores``, with rows like those of any other product. ``trained_on`` is the data
    frame of features, without the target, that ``estimator`` was fitted on; its names and types are checked
    against the contract. ``metrics`` were measured on a holdout that the estimator has not seen,
    ``baseline`` are the same metrics of a baseline on the same holdout. The same inputs and the same
    ``seed`` must make the same model.
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
        """The published model of a product, or the model of an older version.

        ``reader`` is a group or ``domain:<name>``; the product must be granted to it.

        Raises:
            AccessDenied: the product is not granted to the reader.
            DefinitionError: D001 for an unknown product, D047 for a product that is not a model, D044 and
                D045 if the artifact cannot be read with the installed libraries and trusted types.
            LakeError: L030 if its file is missing, L031 if it was changed, L032 if the version has none.
        """
        from platform_core.products.artifact import load_artifact

        return load_artifact(product, version, reader)
