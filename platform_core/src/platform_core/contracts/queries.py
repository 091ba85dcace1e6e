"""Quality rules of type ``sql``: a query that returns one number."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from platform_core.contracts.constraints import join_name
from platform_core.contracts.faults import Faults
from platform_core.contracts.model import Rule
from platform_core.contracts.terms import read_bounds
from platform_core.source.document import Document
from platform_core.words import did_you_mean

if TYPE_CHECKING:
    from open_data_contract_standard.model import DataQuality

Where = tuple[str | int, ...]
_PLACEHOLDER = re.compile(r"\$\{\s*([^{}]*?)\s*\}|\{(table|object|column|property)\}")
_MEANT = {"table": "table", "object": "table", "column": "column", "property": "column"}


def query_rule(
    document: Document, item: DataQuality, where: Where, base: Rule, faults: Faults
) -> Rule | None:
    """The rule of a query, its placeholders written ``${table}`` and ``${column}``; None where it is
    wrong (C051, C053)."""
    query = item.query or ""
    place = document.place(*where, "query")
    if not query.strip():
        faults.error("C051", "a rule of type sql without a query", place, "a query that returns one number")
        return None
    wrong = False
    for match in _PLACEHOLDER.finditer(query):
        word = match[1] if match[1] is not None else match[2]
        if word not in _MEANT:
            fix = did_you_mean(word, ["table", "column"])
            faults.error("C051", f'the query holds "${{{word}}}"', place, "${table} or ${column}", fix)
            wrong = True
        elif _MEANT[word] == "column" and not base.columns:
            expected = "${column} only in a rule of a column"
            faults.error("C051", "the query names a column, but the rule has none", place, expected)
            wrong = True
    limits = read_bounds(document, where, False, faults)
    if limits is None:
        if not any(key.startswith("must") for key in document.at(*where)):
            faults.error("C051", "a query without a bound", place, "mustBe: 0, for example")
        return None
    if wrong:
        return None
    query = _PLACEHOLDER.sub(lambda match: f"${{{_MEANT[match[1] or match[2]]}}}", query)
    name = base.name or join_name("sql", *base.columns)
    return replace(base, name=name, query=query.strip().rstrip(";"), limits=limits)
