"""The standard's JSON Schema from the ``open-data-contract-standard`` package, per edition."""

from __future__ import annotations

import copy
import json
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Edition = Literal["v3.0", "latest"]
_OPEN_IN_V30 = (
    "CustomProperty",
    "DataQuality",
    "Pricing",
    "Role",
    "Server",
    "ServiceLevelAgreementProperty",
    "SupportItem",
    "TeamMember",
)


@cache
def schema_of(edition: Edition) -> dict[str, Any]:
    """The bundled schema, corrected where it refuses documents that the standard allows."""
    text = files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    define = schema["$defs"]
    for branch in list(define["SchemaBaseProperty"]["allOf"]):
        logical = branch.get("if", {}).get("properties", {}).get("logicalType", {}).get("const")
        # Its `if` also holds without a logicalType, and then it requires `map` and `dimensions`.
        if logical == "map":
            branch["then"].pop("required", None)
            condition = {"properties": {"logicalType": {"const": "map"}}, "required": ["logicalType"]}
            define["SchemaBaseProperty"]["allOf"].append({"if": condition, "then": {"required": ["map"]}})
        elif logical == "vector":
            branch["if"]["required"] = ["logicalType"]
    # `rule` is the deprecated name of `metric`.
    library = define["DataQualityLibrary"]
    library["required"] = []
    library["anyOf"] = [{"required": ["metric"]}, {"required": ["rule"]}]
    library["properties"]["rule"]["enum"] = library["properties"]["metric"]["enum"]
    define["DataQuality"]["allOf"][0]["if"]["anyOf"].append(
        {"properties": {"rule": {"type": "string"}}, "required": ["rule"]}
    )
    # Up to v3.1 the standard declared DuckDB's schema as a number, by mistake.
    define["ServerSource"]["DuckdbServer"]["properties"]["schema"]["type"] = ["string", "integer"]
    if edition == "v3.0":
        _reopen(define)
    return schema


def _reopen(define: dict[str, Any]) -> None:
    """v3.0 allowed properties that v3.1 refuses, free names of rules, and flags for exclusive limits."""
    for name in _OPEN_IN_V30:
        define[name].pop("additionalProperties", None)
        define[name].pop("unevaluatedProperties", None)
        define[name]["properties"].pop("id", None)
    define["TeamMember"].pop("required", None)
    define["AuthoritativeDefinitions"]["items"].pop("additionalProperties", None)
    define["AuthoritativeDefinitions"]["items"].pop("required", None)
    define["CustomProperty"].pop("required", None)
    define["DataQualitySql"].pop("allOf", None)
    library = define["DataQualityLibrary"]
    library.pop("allOf", None)
    library["properties"]["rule"].pop("enum", None)
    operators = copy.deepcopy(define["DataQualityOperators"]["oneOf"])
    for operator in operators:
        library["properties"].update(operator["properties"])
    for branch in define["SchemaBaseProperty"]["allOf"]:
        options = branch.get("then", {}).get("properties", {}).get("logicalTypeOptions", {})
        for name, option in options.get("properties", {}).items():
            if name.startswith("exclusive"):
                option["type"] = [option["type"], "boolean"]


def known_names(schema: dict[str, Any], schema_path: list[str | int]) -> set[str]:
    """The property names of the closed object at a path of the schema."""
    node: Any = schema
    for part in schema_path[:-1]:
        if isinstance(node, dict) and "$ref" in node and part not in node:
            node = _resolve(schema, node["$ref"])
        node = node[part]
    return _names(schema, node, 0)


def _names(schema: dict[str, Any], node: Any, depth: int) -> set[str]:
    if not isinstance(node, dict) or depth > 8:
        return set()
    found = set(node.get("properties", {}))
    if "$ref" in node:
        found |= _names(schema, _resolve(schema, node["$ref"]), depth + 1)
    parts = [part for word in ("allOf", "anyOf", "oneOf") for part in node.get(word, [])]
    for part in (*parts, node.get("then"), node.get("else")):
        found |= _names(schema, part, depth + 1)
    return found


def _resolve(schema: dict[str, Any], reference: str) -> Any:
    node: Any = schema
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node
