"""The promises of a model: its features, its target, and the baseline that it must beat."""

from __future__ import annotations

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import Feature, Kind, Rule, Signature
from platform_core.odcs.columns import read_type
from platform_core.odcs.custom_properties import find_property
from platform_core.source.cursor import Node
from platform_core.words import listed

_KEYS = ("target", "features", "metric", "better", "margin", "trusted")
_BETTER = ("higher", "lower")
_EXAMPLE = (
    "value: {target: redeemed, metric: roc_auc, margin: 0.02, features: [{name: visits, type: BIGINT}]}"
)


def read_signature(table: Node, kind: Kind) -> Signature | None:
    """The schema object's property ``model``; None for any other kind of product.

    Faults: C104 the property is missing or misplaced, C105 it is malformed, C106 wrong features.
    """
    found = find_property(table, "model")
    if found is None:
        if kind == "model":
            message = "the contract of a model declares neither features nor a metric"
            expected = "the custom property model on the schema object"
            fix = f"Add to its customProperties:\n- property: model\n  {_EXAMPLE}"
            table["physicalType"].error("C104", message, expected, fix)
        return None
    if kind != "model":
        expected = "the property model where physicalType is model"
        fix = "Add physicalType: model, or remove the property."
        found.error("C104", f"a {kind} has no features and no baseline", expected, fix, at_key=True)
        return None
    known = found.is_mapping("C105", "model", listed(_KEYS), f"Write {_EXAMPLE}.")
    return _signature(found) if known else None


def baseline_rule(signature: Signature | None) -> tuple[Rule, ...]:
    """The check that a model is better than its baseline, without which it is not published."""
    if signature is None:
        return ()
    over = "above" if signature.better == "higher" else "below"
    by = f"at least {signature.margin:g} {over}" if signature.margin else over
    words = f"On the holdout, {signature.metric} is {by} the baseline's."
    limits = Bounds(minimum=signature.margin, minimum_exclusive=not signature.margin)
    return (Rule("beats_baseline", "baseline", signature.place, description=words, limits=limits),)


def _signature(node: Node) -> Signature | None:
    missing = [key for key in ("target", "metric", "features") if not node.get(key)]
    if node.has_only(_KEYS, "C105", "model"):  # a misspelled key is reported already
        node.lacks(missing, "C105", "model", _EXAMPLE)
    better = node.value.get("better", "higher")
    if better not in _BETTER:
        expected = "higher or lower: the better values of the metric"
        node["better"].error("C105", f'better is "{better}"', expected, known=_BETTER)
    margin = node.value.get("margin", 0)
    if isinstance(margin, bool) or not isinstance(margin, int | float) or margin < 0:
        expected = "a number from 0: the least difference from the baseline's metric"
        node["margin"].error("C105", f'margin is "{margin}"', expected)
        margin = 0
    trusted = node.value.get("trusted", [])
    if not isinstance(trusted, list) or not all(isinstance(each, str) and "." in each for each in trusted):
        node["trusted"].error(
            "C105",
            "trusted is not a list of types",
            "full names of Python types that the artifact may hold",
            "Write trusted: [package.module.Type].",
        )
        trusted = []
    features = _features(node["features"])
    if missing or not features:
        return None
    return Signature(
        target=str(node.get("target")),
        metric=str(node.get("metric")),
        features=features,
        place=node.place("metric"),
        margin=float(margin),
        better="lower" if better == "lower" else "higher",
        trusted=tuple(trusted),
    )


def _features(node: Node) -> tuple[Feature, ...]:
    found: dict[str, Feature] = {}
    if node.value and not isinstance(node.value, list):
        node.error("C106", "features is not a list", "features: [{name: visits, type: BIGINT}]")
        return ()
    for entry in node.elements():
        name, kind = entry.text("name"), entry.text("type")
        if name is None or kind is None or set(entry.value) != {"name", "type"}:
            message = "a feature has other members than name and type"
            entry.error("C106", message, "{name: visits, type: BIGINT}, with a DuckDB type")
        elif name in found:
            entry.error("C106", f'duplicate feature "{name}"', "every feature once")
        else:
            found[name] = Feature(name, read_type(entry["type"]) or "VARCHAR", entry.place("type"))
    return tuple(found.values())
