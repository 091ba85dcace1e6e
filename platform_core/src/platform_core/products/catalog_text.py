"""A product in words, for the catalog and the terminal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import DataProduct, Rule
from platform_core.lake.publication.product_files import folder_of
from platform_core.words import duration_in_words, listed


def describe(product: DataProduct) -> str:
    """Markdown: what it is, what it is for, what it cannot do, and how to read it."""
    parts = [product.purpose]
    for title, text in (("Usage", product.usage), ("Limitations", product.limitations)):
        if text:
            parts.append(f"### {title}\n{text}")
    if product.event_time is not None:
        parts.append(f"### A stream\n{stream_in_words(product)}")
    if promises := promises_in_words(product):
        parts.append(f"### Freshness\n{' '.join(promises)}")
    parts.append(f"### Read it\n{read_it(product)}")
    return "\n\n".join(part.strip() for part in parts if part.strip())


def read_it(product: DataProduct) -> str:
    """How a person reads the product, and whom to ask."""
    readers = [grant.role for grant in product.grants if grant.access == "read"]
    granted = ", ".join(f"`{role}`" for role in readers) if readers else "nobody beside its domain"
    how = [f"- **{language}**: `{text}`" for language, text in ways(product)]
    if product.file is not None:
        how.append(f"\n`mesh show {product.id}` says where the file is and what its sha256 is.")
    access = (
        f"It is restricted: no other domain attaches its lake. {_instead(product)}"
        if product.restricted
        else f"Granted to {granted}. To be granted access, ask {_asked(product)} to add your role "
        "to the contract."
    )
    return "\n".join([*how, "", access])


def stream_in_words(product: DataProduct) -> str:
    """What a reader of a stream counts on."""
    return (
        "Rows are added in batches, each published at once, and never change. They may arrive late and out "
        f"of order: `{product.event_time}` says when a row happened."
    )


def _instead(product: DataProduct) -> str:
    """What those can read who cannot read a restricted product."""
    if product.masking is None:
        return f"Ask {_asked(product)} for what you need."
    return f"Others read its masked twin, `{product.domain}/{product.masking.name}`."


def _asked(product: DataProduct) -> str:
    return f"its owner, `{product.owned_by}`," if product.owned_by else "its domain"


def sla_in_words(product: DataProduct) -> str:
    """``by 06:00 ...`` is left to the reader of the cron line; empty without an SLA."""
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
    """Each service level as a sentence: when it is made, how recent its data is, how long versions stay."""
    said = [sla_in_words(product)]
    said += [rule_in_words(rule) for rule in product.rules if rule.kind == "recency"]
    if product.retention is not None:
        said.append(f"A version is kept for {duration_in_words(product.retention)} after it is replaced.")
    return [sentence for sentence in said if sentence]


def rule_in_words(rule: Rule) -> str:
    """A rule as one sentence; its own description where the contract has one."""
    if rule.description:
        return rule.description
    columns = ", ".join(rule.columns)
    match rule.kind:
        case "schema":
            return "Columns and types are those of the contract."
        case "not_null":
            return f"{columns} is never missing."
        case "unique":
            return f"No two rows share the same {columns}."
        case "accepted_values":
            return f"{columns} is one of: {listed(list(map(str, rule.values)), 8)}."
        case "range":
            return f"{columns} is {(rule.limits or Bounds()).describe()}."
        case "length":
            return f"The length of {columns} is {(rule.limits or Bounds()).describe()}."
        case "pattern":
            return f"{columns} matches {rule.pattern}."
        case "row_count":
            return f"The number of rows is {(rule.limits or Bounds()).describe()}."
        case "reference":
            target = rule.reference
            return f"Every {columns} exists in {target.product if target else '?'}."
        case "recency":
            return (
                f"The latest {columns} is at most {duration_in_words(rule.maximum_age or timedelta())} old."
            )
        case "file":
            return "What is kept in the file is what was published."
        case "baseline":
            return f"The metric exceeds the baseline's by {(rule.limits or Bounds()).describe()}."
        case "group_size":
            return f"The rows that share their {columns} are {(rule.limits or Bounds()).describe()}."
        case "disclosure":
            return f"The people behind each row, {columns}, are {(rule.limits or Bounds()).describe()}."
        case "together":
            return rule.description
        case "no_raw_values" | "no_raw_values_before":
            return f"No raw value of {columns} is in the files."
        case "sql":
            return f"The query's result is {(rule.limits or Bounds()).describe()}."


def preview_cell(value: Any, limit: int = 80) -> Any:
    """A value for a table in the UI: JSON's own types as they are, the rest as short text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def ways(product: DataProduct) -> tuple[tuple[str, str], ...]:
    """Pairs of a language and what to write in it. Every product is a table; some are more."""
    # The domain itself may read what nobody else was granted.
    public = product.granted_to("analysts") and not product.restricted
    as_option = "" if public else f" --as domain:{product.domain}"
    found = [
        ("SQL", f'mesh query{as_option} "SELECT * FROM {product.domain}.{product.name} LIMIT 10"'),
        ("Python", f'@data_product(inputs={{"{product.name}": "{product.id}"}})'),
        ("dbt", f'{{{{ source("{product.domain}", "{product.name}") }}}}'),
    ]
    if product.kind == "stream":
        # Only rows that the reader has not seen yet.
        found.append(("New rows", f'Input("{product.id}", changes=True)'))
    if product.kind == "model":
        reader = "" if public else f', reader="domain:{product.domain}"'
        found.append(("Model", f'Model.load("{product.id}"{reader}).estimator'))
    if product.file is not None:
        found.append(("File", f"{folder_of(product)}/{product.file}"))
    return tuple(found)
