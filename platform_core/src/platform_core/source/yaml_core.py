"""YAML 1.2 core schema on PyYAML's composer (its C one where built): nodes with marks, no values yet.

PyYAML itself reads YAML 1.1, in which an unquoted 10:00 is 600 and a date is an object.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

__all__ = ["MappingNode", "Node", "ScalarNode", "SequenceNode", "compose", "is_text", "scalar"]

STR, NULL, BOOL, INT, FLOAT = (
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "null", "bool", "int", "float")
)
SEQ, MAP = "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_NUMERIC = frozenset("0123456789+-.")


# The C composer recurses for every level and overflows the stack without an exception. Neither
# brackets nor indentation of fewer characters than this can nest that deeply.
_SURELY_SHALLOW = 2000
_INDENTED = re.compile(rf"^[ \t?:-]{{{_SURELY_SHALLOW},}}", re.MULTILINE)


class TooDeep(ValueError):
    """Collections nested past the limit, at ``mark``."""

    def __init__(self, mark: Any) -> None:
        super().__init__("nested too deeply")
        self.mark = mark


_Loader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""The Python loader is slower and composes the same nodes."""


class _Composer(_Loader):  # type: ignore[misc]
    """The tags of nodes without one, by YAML 1.2, section 10.3.2."""

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass

    def resolve(self, kind: type[Node], value: str, implicit: tuple[bool, bool]) -> str:
        if kind is not ScalarNode:
            return SEQ if kind is SequenceNode else MAP
        if not implicit[0]:
            return STR
        if value in _NULL:
            return NULL
        if value in _BOOL:
            return BOOL
        if value[0] in _NUMERIC:
            if _INT.fullmatch(value):
                return INT
            if _FLOAT.fullmatch(value):
                return FLOAT
        return STR


def compose(text: str, maximum_depth: int) -> Node | None:
    """The root node of a single document; None for an empty text.

    Raises ``yaml.MarkedYAMLError`` for text that is not YAML and for a second document,
    ``TooDeep`` for collections nested past ``maximum_depth``.
    """
    if text.count("[") + text.count("{") > _SURELY_SHALLOW or _INDENTED.search(text):
        _measure(text, maximum_depth)
    composer = _Composer(text)
    try:
        node: Node | None = composer.get_single_node()
    finally:
        composer.dispose()
    return node


def _measure(text: str, maximum_depth: int) -> None:
    """Counts levels in the flat stream of events, which does not recurse."""
    parser, depth = _Composer(text), 0
    while parser.check_event():
        event = parser.get_event()
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > maximum_depth:
                raise TooDeep(event.start_mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def is_text(text: str) -> bool:
    """Whether YAML 1.2 and 1.1 both read a text without quotes as text."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    candidates = [*resolvers.get(text[0], ()), *resolvers.get(None, ())]
    # Numbers in 1.2, but not all of them in 1.1: 0o17, 1e3, 008.
    number = _INT.fullmatch(text) or _FLOAT.fullmatch(text)
    return not number and not any(form.match(text) for _, form in candidates)


def scalar(node: ScalarNode) -> str | int | float | bool | None:
    """The value of a scalar node. ValueError for an unknown tag."""
    tag, text = node.tag, node.value
    if tag == STR:
        return str(text)
    if tag == NULL:
        return None
    if tag == BOOL and text in _BOOL:
        return _BOOL[text]
    if tag == INT and _INT.fullmatch(text):
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        return int(text[2:], base) if base != 10 else int(text)
    if tag == FLOAT and _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    raise ValueError(f'"{text}" is not a value of {tag}')
