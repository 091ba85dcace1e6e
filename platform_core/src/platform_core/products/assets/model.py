"""A model product: a table of scores, and the model of each version."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import duckdb

from platform_core.contracts.model import DataProduct, Rule, Signature
from platform_core.diagnostics import DefinitionError, Diagnostic, Place, shown
from platform_core.products import artifact
from platform_core.products.assets.file import FileHooks
from platform_core.products.inputs.bind import in_memory
from platform_core.products.model import Model
from platform_core.products.result import as_table
from platform_core.products.run.context import RunContext
from platform_core.quality.gate import ContractBroken
from platform_core.quality.outcome import CheckOutcome, Outcomes
from platform_core.sql.types import is_type
from platform_core.words import listed

_FEATURES = "__features"


class ModelHooks(FileHooks):
    """One run of a model product, whose artifact is written from the audited version before COMMIT."""

    def __init__(self, run: RunContext, place: Place) -> None:
        super().__init__(run, place)
        assert run.product.signature is not None  # the reader of contracts requires it
        self.signature = run.product.signature
        self.model: Model | None = None
        self.trained_rows = 0

    def rows(self, result: Any) -> Any:
        """The scores of a model that matches its contract's signature. Raises DefinitionError."""
        product = self.run.product
        if not isinstance(result, Model):
            message = f"the function of {product.id} returned {type(result).__name__} instead of a model"
            expected = "platform_core.Model: the fitted estimator, its scores and its metrics"
            fix = "Return `Model(estimator, scores, trained_on=..., metrics=..., baseline=..., seed=...)`."
            raise DefinitionError.of("D040", message, self.place, expected, fix)
        self.model = model = result
        types, self.trained_rows = features_of(model, product, self.place)
        faults = [*signature_faults(self.signature, types, product, self.place)]
        faults += _estimator_faults(model, tuple(types), product, self.place)
        faults += _metric_faults(self.signature, model, product, self.place)
        if faults:
            raise DefinitionError(*faults)
        self.run.function_metadata.update(model.metadata)
        return model.scores

    def audit(self, relation: str) -> Outcomes:
        model, product = self.model, self.run.product
        assert model is not None  # rows() is called first
        outcomes = (*self.run.audit(relation), against_baseline(product, self.signature, model))
        if outcomes[-1].blocking:
            raise ContractBroken(product, outcomes)
        started = time.monotonic()
        content = artifact.dump_estimator(model.estimator, product, self.place)
        again = artifact.dump_estimator(
            artifact.load_estimator(content, product, self.place), product, self.place
        )
        wrong = "" if again == content else "the model that is read back differs from the trained one"
        outcomes = self.judged(outcomes, wrong, self.trained_rows, started)
        with self.file_draft.draft() as path:
            path.write_bytes(content)
            self.keep(path, self.card(model))
        self.run.function_metadata.update(metrics_metadata(model))
        self.run.function_metadata["mesh/model"] = dg.MetadataValue.json(
            json.loads(json.dumps(self.card(model)))
        )
        return outcomes

    def card(self, model: Model) -> dict[str, Any]:
        """Facts about the model for readers who do not load it."""
        signature = self.signature
        kind = type(model.estimator)
        return {
            "contract_version": self.run.product.version,
            "estimator": f"{kind.__module__}.{kind.__qualname__}",
            "target": signature.target,
            "features": [{"name": feature.name, "type": feature.type} for feature in signature.features],
            "metric": signature.metric,
            "metrics": {name: float(value) for name, value in model.metrics.items()},
            "baseline": {name: float(value) for name, value in model.baseline.items()},
            "inputs": dict(self.run.versions),
            "rows": self.trained_rows,
            "seed": model.seed,
            "libraries": artifact.libraries(),
        }


def features_of(model: Model, product: DataProduct, place: Place) -> tuple[dict[str, str], int]:
    """The features' names and DuckDB types, and the number of rows that the model was trained on."""
    frame = model.trained_on
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return _shape(frame)
    table = as_table(frame)
    if table is None:
        message = f"trained_on of {product.id} is a {type(frame).__name__} without feature names"
        expected = "the data frame of features that the estimator was fitted on"
        fix = "Fit it on an Arrow, Polars or pandas table, and pass that as trained_on."
        raise DefinitionError.of("D042", message, place, expected, fix)
    with in_memory() as connection:
        connection.register(_FEATURES, table)
        return _shape(connection.table(_FEATURES))


def _shape(relation: duckdb.DuckDBPyRelation) -> tuple[dict[str, str], int]:
    row = relation.aggregate("count(*)").fetchone()
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    return types, int(row[0]) if row else 0


def signature_faults(
    signature: Signature, types: Mapping[str, str], product: DataProduct, place: Place
) -> Iterator[Diagnostic]:
    """D041 for each feature that differs from the contract."""
    promised = {feature.name: feature for feature in signature.features}
    known, here = f"the contract's features: {listed(list(promised))}", f"{shown(place.path)}:{place.line}"
    for name in dict.fromkeys((*promised, *types)):
        feature, found = promised.get(name), types.get(name)
        if feature is None:
            message = f'the feature "{name}" ({found}) of {product.id} is not in its contract'
            fix = f"Remove it in {here}, or add {{name: {name}, type: {found}}} to features."
            yield Diagnostic("D041", message, signature.place, known, fix)
        elif found is None:
            message = f'the model of {product.id} was trained without the feature "{name}" ({feature.type})'
            fix = f"Train on it in {here}, or remove it from the contract."
            yield Diagnostic("D041", message, feature.place, known, fix)
        elif not is_type(found, feature.type):
            message = f'the feature "{name}" of {product.id} is {found}, but its contract has {feature.type}'
            expected = f"{name} as {feature.type}, as readers of the model pass it"
            fix = f"Cast it in {here}, or declare {found} in a new major version of the contract."
            yield Diagnostic("D041", message, feature.place, expected, fix)


def against_baseline(product: DataProduct, signature: Signature, model: Model) -> CheckOutcome:
    """The check ``beats_baseline``: the margin by which the model is better than the baseline."""
    ours, theirs = float(model.metrics[signature.metric]), float(model.baseline[signature.metric])
    better = ours - theirs if signature.better == "higher" else theirs - ours
    passed = better >= signature.margin if signature.margin else better > 0
    asked = f"at least {signature.margin:g}" if signature.margin else "more than 0"
    rule: Rule = next(rule for rule in product.rules if rule.kind == "baseline")
    message = f"on the holdout, {signature.metric} is {ours:.4f} and the baseline's {theirs:.4f}: "
    message += f"better by {better:.4f} instead of {asked}"
    shown_message = "" if passed else message
    return CheckOutcome(rule, passed, None, 0, 0.0, observed=round(better, 6), message=shown_message)


def metrics_metadata(model: Model) -> dict[str, float | int]:
    """Metrics as numbers of the materialization, which Dagster plots."""
    metrics = {f"mesh/metric/{name}": float(value) for name, value in model.metrics.items()}
    baseline = {f"mesh/baseline/{name}": float(value) for name, value in model.baseline.items()}
    return {**metrics, **baseline, "mesh/seed": model.seed}


def _estimator_faults(
    model: Model, names: tuple[str, ...], product: DataProduct, place: Place
) -> Iterator[Diagnostic]:
    """D042 if the estimator was fitted on other features than ``trained_on`` has."""
    seen = getattr(model.estimator, "feature_names_in_", None)
    count = getattr(model.estimator, "n_features_in_", None)
    if seen is not None and tuple(map(str, seen)) != names:
        message = f"the estimator of {product.id} was fitted on other features than trained_on has: "
        message += listed([str(name) for name in seen])
        fix = "Pass the data frame that fit was called with as trained_on."
        yield Diagnostic("D042", message, place, f"{listed(list(names))}, in this order", fix)
    elif seen is None and count != len(names):
        found = f"was fitted on {count} features" if count is not None else "is not fitted"
        message, fix = f"the estimator of {product.id} {found}", "Fit it on trained_on before it is returned."
        expected = f"fitted on the {len(names)} features of trained_on: {listed(list(names))}"
        yield Diagnostic("D042", message, place, expected, fix)


def _metric_faults(
    signature: Signature, model: Model, product: DataProduct, place: Place
) -> Iterator[Diagnostic]:
    """D043 for a missing metric, and for one that is not a finite number."""
    for what, values in (("metrics", model.metrics), ("baseline", model.baseline)):
        if signature.metric not in values:
            message = f'the {what} of {product.id} lack "{signature.metric}", the metric of its contract'
            expected = f"{signature.metric} among metrics and baseline, both measured on the holdout"
            fix = f'Add it: `{what}={{"{signature.metric}": ...}}`'
            yield Diagnostic("D043", message, place, expected, fix)
        for name, value in values.items():
            if not _finite(value):
                message = f'"{name}" among the {what} of {product.id} is {value!r}'
                yield Diagnostic("D043", message, place, "finite numbers")


def _finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except TypeError:
        return False
