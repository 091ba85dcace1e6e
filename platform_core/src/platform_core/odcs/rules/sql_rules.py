"""Quality rules of type ``sql``: a query that returns one number."""

from __future__ import annotations

import re
from dataclasses import replace

from platform_core.contracts.model import Rule
from platform_core.odcs.rules.column_rules import join_name
from platform_core.odcs.rules.rule_fields import read_bounds, says_bound
from platform_core.source.cursor import Node
from platform_core.words import did_you_mean

_PLACEHOLDER = re.compile(r"\$\{\s*([^{}]*?)\s*\}|\{(table|object|column|property)\}")
_MEANT = {"table": "table", "object": "table", "column": "column", "property": "column"}


def query_rule(node: Node, base: Rule) -> Rule | None:
    """The rule of a query with the placeholders ``${table}`` and ``${column}``; None where it is wrong (C051,
    C053)."""
    query, at = node.text("query") or "", node["query"]
    if not query.strip():
        at.error("C051", "the rule has no query", "a query that returns one number")
        return None
    wrong = False
    for match in _PLACEHOLDER.finditer(query):
        word = match[1] if match[1] is not None else match[2]
        if word not in _MEANT:
            fix = did_you_mean(word, ["table", "column"])
            at.error("C051", f'unknown placeholder "${{{word}}}"', "${table} or ${column}", fix)
            wrong = True
        elif _MEANT[word] == "column" and not base.columns:
            expected = "${column} only in a rule of a column"
            at.error("C051", "the query uses ${column}, but the rule is not on a column", expected)
            wrong = True
    limits = read_bounds(node, False)
    if limits is None and not says_bound(node):
        at.error("C051", "the query has no bound", "mustBe: 0, for example")
    if limits is None or wrong:
        return None
    query = _PLACEHOLDER.sub(lambda match: f"${{{_MEANT[match[1] or match[2]]}}}", query)
    name = base.name or join_name("sql", *base.columns)
    return replace(base, name=name, query=query.strip().rstrip(";"), limits=limits)
