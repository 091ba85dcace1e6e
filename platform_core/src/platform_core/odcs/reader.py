"""A contract file as a ``DataProduct``."""

from __future__ import annotations

import re
from pathlib import Path

from platform_core.contracts.model import DataProduct, Grant, Support
from platform_core.diagnostics import ContractError
from platform_core.odcs import validation
from platform_core.odcs.columns import read_columns
from platform_core.odcs.custom_properties import Level, check_properties
from platform_core.odcs.identity import identify, is_ours
from platform_core.odcs.kinds import file_rule, read_file_name, read_kind
from platform_core.odcs.masks import read_masking
from platform_core.odcs.model_signature import baseline_rule, read_signature
from platform_core.odcs.partitions import read_partitions
from platform_core.odcs.placeholders import undecided
from platform_core.odcs.rules.all_rules import read_rules
from platform_core.odcs.rules.disclosure import disclosure_rules
from platform_core.odcs.rules.safe_together import together_rules
from platform_core.odcs.service_levels import read_budget, read_ending, read_sla, read_target
from platform_core.odcs.streams import by_batch, read_event_time
from platform_core.source.cursor import Faults, Node
from platform_core.source.document import Document, parse
from platform_core.words import did_you_mean, is_address, slug


def load_contract(path: Path, domain: str | None = None) -> DataProduct:
    """Read one contract.

    ``domain`` is the domain in whose folder the file lies; None for a file that stands alone.
    Raises ContractError with every fault of the file.
    """
    document = parse(path)
    faults = (*undecided(document), *validation.validate(document))
    if faults:
        raise ContractError(*faults)
    return read(document, domain)


def read(document: Document, domain: str | None = None) -> DataProduct:
    """A valid ODCS document as a data product. Raises ContractError with all faults of its content."""
    faults = Faults(is_ours(document, domain))
    contract = Node(document, faults, (), document.data)
    identity = identify(contract, domain)
    table = contract["schema"][identity.schema_index or 0]
    check_properties(contract, Level.CONTRACT)
    check_properties(table, Level.TABLE)
    columns = read_columns(table, identity.domain)
    partitions = read_partitions(table, columns)
    sla = read_sla(contract, identity, columns, partitions is not None)
    kind = read_kind(table)
    file = read_file_name(table, kind, identity.name)
    signature = read_signature(table, kind)
    derived = (*sla.recency, *file_rule(table, kind, file), *baseline_rule(signature))
    derived += (*disclosure_rules(table, columns), *together_rules(table, columns))
    rules = read_rules(table, identity, columns, partitions is not None, derived)
    description = contract["description"]
    product = DataProduct(
        domain=identity.domain,
        name=identity.name,
        path=document.path,
        place=document.place("id"),
        version=contract.text("version") or "",
        status=contract.text("status") or "active",
        columns=columns,
        rules=by_batch(kind, rules, faults),
        owner=_owner(contract),
        purpose=description.text("purpose") or table.text("description") or "",
        usage=description.text("usage") or "",
        limitations=description.text("limitations") or "",
        tags=tuple(dict.fromkeys((*contract.texts("tags"), *table.texts("tags")))),
        kind=kind,
        file=file,
        signature=signature,
        support=tuple(
            Support(item.text("channel") or "", item.text("url"), item.text("tool"))
            for item in contract.items("support")
        ),
        grants=tuple(_grant(role) for role in contract.items("roles")),
        deadline=sla.deadline,
        maximum_age=sla.maximum_age,
        retention=sla.retention,
        partitions=partitions,
        event_time=read_event_time(table, kind, columns, partitions),
        masking=read_masking(table, identity, columns),
        ending=read_ending(contract, identity),
        target=read_target(contract),
        budget=read_budget(contract),
        places=document.places(),
        remarks=tuple(faults.remarks),
    )
    if faults.errors:
        raise ContractError(*validation.in_order(faults.errors))
    return product


def _owner(contract: Node) -> str | None:
    # Before v3.1 of the standard, a team was a list of people without a name.
    name = contract["team"].text("name")
    if not name:
        return None

    owner = name.strip().lower() if "@" in name else slug(name, "-")
    if is_address(owner) if "@" in owner else re.search(r"[a-z0-9]", name.lower()):
        return owner
    expected = "a team of governance/teams.yaml, or an e-mail address: letters, digits and signs of ASCII"
    contract["team"]["name"].error("C021", f'"{name}" cannot be the name of an owner', expected)
    return None


def _grant(node: Node) -> Grant:
    name, at, access = node.text("role") or "", node["role"], node["access"]
    kind, colon, who = name.partition(":")
    if colon and kind != "domain" and did_you_mean(kind, ["domain"]):
        at.error("C080", f'"{name}" is not a known principal', "domain:<name>", f"Write domain:{who}.")
    if kind == "domain" and colon:
        if not who.isidentifier():
            at.error("C080", f'"{name}" does not name a domain', "domain:<name>, domain:hr")
        if access.value not in ("read", "masked"):
            access.error(
                "C080",
                f"the grant to {name} has no access"
                if access.value is None
                else f'unknown access "{access.value}"',
                "access: read, or access: masked for the masked twin",
                "Write access: read.",
            )
    return Grant(name, node.text("access") or "", at.place())
