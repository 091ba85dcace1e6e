"""A product described in words, for the catalog and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import DataProduct, Rule, RuleKind
from platform_core.lake.publication.product_files import folder_of
from platform_core.source.federation import Team
from platform_core.words import duration_in_words, listed

_RULES: Final[Mapping[RuleKind, str]] = {
    "schema": "Columns and types are those of the contract.",
    "not_null": "{columns} is never missing.",
    "unique": "No two rows share the same {columns}.",
    "accepted_values": "{columns} is one of: {values}.",
    "range": "{columns} is {limits}.",
    "length": "The length of {columns} is {limits}.",
    "pattern": "{columns} matches {pattern}.",
    "row_count": "The number of rows is {limits}.",
    "reference": "Every {columns} exists in {product}.",
    "recency": "The latest {columns} is at most {age} old.",
    "file": "The file holds the published version.",
    "baseline": "The metric exceeds the baseline's by {limits}.",
    "group_size": "The rows that share their {columns} are {limits}.",
    "disclosure": "The people behind each row, {columns}, are {limits}.",
    "no_raw_values": "No raw value of {columns} is in the files.",
    "no_raw_values_before": "No raw value of {columns} is in the files.",
    "sql": "The query's result is {limits}.",
}


def described(product: DataProduct, team: Team | None = None) -> str:
    """Markdown: purpose, owner, freshness, how to read the product, and then its details."""
    facts = [f"**Owner**: {owner_in_words(product, team)}"]
    if promises := promises_in_words(product):
        facts.append(f"**Fresh**: {' '.join(promises)}")
    snippets = {"SQL": "sh", "Python": "python"}
    read = [f"```{snippets[name]}\n{text}\n```" for name, text in ways(product) if name in snippets]
    parts = [product.purpose, "  \n".join(facts), *read]
    for title, text in (("Usage", product.usage), ("Limitations", product.limitations)):
        if text:
            parts.append(f"### {title}\n{text}")
    if product.event_time is not None:
        parts.append(f"### A stream\n{stream_in_words(product)}")
    parts.append(f"### In a product\n{_in_a_product(product)}")
    return "\n\n".join(part.strip() for part in parts if part.strip())


def owner_in_words(product: DataProduct, team: Team | None) -> str:
    """Markdown: the owner with its address and channels, as far as ``teams.yaml`` has them."""
    name = (team and team.name) or product.owned_by or f"the domain {product.domain}"
    if team is None:
        return name
    links = [f"[{name}](mailto:{team.email})" if team.email else name]
    links += [f"[{each.name}]({each.url})" if each.url else each.name for each in team.channels]
    return ", ".join(links)


def _in_a_product(product: DataProduct) -> str:
    """How other products read the product, and whom to ask for access."""
    readers = [grant.role for grant in product.grants if grant.access == "read"]
    granted = ", ".join(f"`{role}`" for role in readers) if readers else "no one but its own domain"
    how = [f"- **{name}**: `{text}`" for name, text in ways(product) if name not in ("SQL", "Python")]
    if product.file is not None:
        how.append(f"\n`mesh show {product.id}` shows the path and the sha256 of the file.")
    if product.masking is not None:
        instead = f"Others read its masked twin, `{product.domain}/{product.masking.name}`."
    else:
        instead = "Ask its owner for what you need."
    access = (
        f"It is restricted: no other domain attaches its lake. {instead}"
        if product.restricted
        else f"Granted to {granted}. To be granted access, ask its owner to add your role to the contract."
    )
    return "\n".join([*how, "", access])


def stream_in_words(product: DataProduct) -> str:
    return (
        "Rows are added in batches, each published at once, and never change. They may arrive late and out "
        f"of order: `{product.event_time}` is the time of a row's event."
    )


def sla_in_words(product: DataProduct) -> str:
    """The deadline or the maximum age as a sentence; empty without one."""
    if deadline := product.deadline:
        return (
            f"Refreshed by each `{deadline.schedule}` ({deadline.timezone}), "
            f"at most {duration_in_words(deadline.lower_bound)} before it."
        )
    if age := product.maximum_age:
        warning = f", with a warning from {duration_in_words(age.warn_after)} on" if age.warn_after else ""
        return f"Never older than {duration_in_words(age.fail_after)}{warning}."
    return ""


def promises_in_words(product: DataProduct) -> list[str]:
    """Each service level as a sentence."""
    promises = [sla_in_words(product)]
    promises += [rule_in_words(rule) for rule in product.rules if rule.kind == "recency"]
    if product.retention is not None:
        promises.append(f"A version is kept for {duration_in_words(product.retention)} after it is replaced.")
    return [sentence for sentence in promises if sentence]


def rule_in_words(rule: Rule) -> str:
    """A rule as a sentence: its own description, if the contract has one."""
    if rule.description:
        return rule.description
    return _RULES.get(rule.kind, "").format(
        columns=", ".join(rule.columns),
        values=listed(list(map(str, rule.values)), 8),
        limits=(rule.limits or Bounds()).describe(),
        pattern=rule.pattern,
        product=rule.reference.product if rule.reference else "?",
        age=duration_in_words(rule.maximum_age or timedelta()),
    )


def preview_cell(value: Any, limit: int = 80) -> Any:
    """A value for a table in the UI: JSON's types as they are, others as short text."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def ways(product: DataProduct) -> tuple[tuple[str, str], ...]:
    """Pairs of a language and the text to read the product in it."""
    # A product without a grant can be read as its own domain.
    public = product.granted_to("analysts") and not product.restricted
    reader = "" if public else f', reader="domain:{product.domain}"'
    as_option = "" if public else f" --as domain:{product.domain}"
    found = [
        ("SQL", f'.venv/bin/mesh query{as_option} "SELECT * FROM {product.domain}.{product.name} LIMIT 10"'),
        ("Python", f'import platform_core.client as mesh\nmesh.read("{product.id}"{reader}).duckdb()'),
        ("Function", f'@data_product(inputs={{"{product.name}": "{product.id}"}})'),
        ("dbt", f'{{{{ source("{product.domain}", "{product.name}") }}}}'),
    ]
    if product.kind == "stream":
        found.append(("New rows", f'Input("{product.id}", changes=True)'))
    if product.kind == "model":
        found.append(("Model", f'Model.load("{product.id}"{reader}).estimator'))
    if product.file is not None:
        found.append(("File", f"{folder_of(product)}/{product.file}"))
    return tuple(found)
