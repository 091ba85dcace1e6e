"""What the contract of a model promises: its features, its target, and the baseline it must beat."""

from __future__ import annotations

from typing import Any

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.columns import read_type
from platform_core.contracts.faults import Faults
from platform_core.contracts.model import Feature, Kind, Rule, Signature
from platform_core.contracts.properties import find_property
from platform_core.source.document import Document
from platform_core.words import did_you_mean, listed

_KEYS = ("target", "features", "metric", "better", "margin", "trusted")
_BETTER = ("higher", "lower")
_EXAMPLE = (
    "value: {target: redeemed, metric: roc_auc, margin: 0.02, features: [{name: visits, type: BIGINT}]}"
)

Where = tuple[str | int, ...]


def read_signature(document: Document, kind: Kind, index: int | None, faults: Faults) -> Signature | None:
    """The object's property ``model``; None where it is no model.

    Faults: C104 a model without it or it without a model, C105 what it says is malformed, C106 features.
    """
    if index is None:
        return None
    found = find_property(document, ("schema", index), "model")
    if found is None:
        if kind == "model":
            faults.error(
                "C104",
                "the contract of a model does not say what it takes and what it must beat",
                document.place("schema", index, "physicalType"),
                expected="the custom property model on the schema object",
                fix=f"Add to its customProperties:\n- property: model\n  {_EXAMPLE}",
            )
        return None
    value, where = found
    if kind != "model":
        faults.error(
            "C104",
            f"a {kind} has no features and no baseline",
            document.key_place(*where),
            expected="the property model where physicalType is model",
            fix="Add physicalType: model, or remove the property.",
        )
        return None
    if not isinstance(value, dict):
        faults.error("C105", "model is no mapping", document.place(*where), fix=f"Write {_EXAMPLE}.")
        return None
    return _signature(document, value, where, faults)


def baseline_rule(signature: Signature | None) -> tuple[Rule, ...]:
    """The check that keeps a model from being published that is no better than none."""
    if signature is None:
        return ()
    over = "above" if signature.better == "higher" else "below"
    by = f"at least {signature.margin:g} {over}" if signature.margin else over
    return (
        Rule(
            "beats_baseline",
            "baseline",
            signature.place,
            description=f"On the holdout, {signature.metric} is {by} the baseline's.",
            limits=Bounds(minimum=signature.margin, minimum_exclusive=not signature.margin),
        ),
    )


def _signature(document: Document, value: dict[str, Any], where: Where, faults: Faults) -> Signature | None:
    for key in value:
        if key not in _KEYS:
            faults.error(
                "C105",
                f'model knows no "{key}"',
                document.key_place(*where, key),
                expected=listed(_KEYS),
                fix=did_you_mean(key, _KEYS),
            )
    missing = [key for key in ("target", "metric", "features") if not value.get(key)]
    if missing and value.keys() <= set(_KEYS):  # a slip in a key's name was told already
        faults.error(
            "C105",
            f"model does not say {' and '.join(missing)}",
            document.place(*where),
            expected=listed(_KEYS),
            fix=f"Write {_EXAMPLE}.",
        )
    better = value.get("better", "higher")
    if better not in _BETTER:
        faults.error(
            "C105",
            f'better is "{better}"',
            document.place(*where, "better"),
            expected="higher or lower: which values of the metric are the better ones",
            fix=did_you_mean(str(better), _BETTER),
        )
    margin = value.get("margin", 0)
    if isinstance(margin, bool) or not isinstance(margin, int | float) or margin < 0:
        faults.error(
            "C105",
            f'margin is "{margin}"',
            document.place(*where, "margin"),
            expected="a number from 0 on: by how much the metric must be better than the baseline's",
        )
        margin = 0
    trusted = value.get("trusted", [])
    if not isinstance(trusted, list) or not all(isinstance(each, str) and "." in each for each in trusted):
        faults.error(
            "C105",
            "trusted is no list of types",
            document.place(*where, "trusted"),
            expected="full names of Python types that the artifact may hold beside scikit-learn's own",
            fix="Write trusted: [package.module.Type].",
        )
        trusted = []
    features = _features(document, value.get("features"), (*where, "features"), faults)
    if missing or not features:
        return None
    return Signature(
        target=str(value["target"]),
        metric=str(value["metric"]),
        features=features,
        place=document.place(*where, "metric"),
        margin=float(margin),
        better="lower" if better == "lower" else "higher",
        trusted=tuple(trusted),
    )


def _features(document: Document, value: Any, where: Where, faults: Faults) -> tuple[Feature, ...]:
    found: dict[str, Feature] = {}
    for number, entry in enumerate(value if isinstance(value, list) else []):
        place = document.place(*where, number)
        name, kind = (entry.get("name"), entry.get("type")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(kind, str) or set(entry) != {"name", "type"}:
            faults.error(
                "C106",
                "a feature says its name and its type, and nothing else",
                place,
                expected="{name: visits, type: BIGINT}, the type in DuckDB's words",
            )
        elif name in found:
            faults.error("C106", f'the feature "{name}" is named twice', place, expected="every feature once")
        else:
            place = document.place(*where, number, "type")
            found[name] = Feature(
                name, read_type(document, (*where, number, "type"), kind, faults) or "VARCHAR", place
            )
    if value and not isinstance(value, list):
        faults.error(
            "C106",
            "features is no list",
            document.place(*where),
            expected="features: [{name: visits, type: BIGINT}]",
        )
    return tuple(found.values())
