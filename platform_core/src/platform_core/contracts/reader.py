"""A contract file as a ``DataProduct``."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_core.contracts import names, standard
from platform_core.contracts.columns import read_columns
from platform_core.contracts.decisions import undecided
from platform_core.contracts.faults import Faults
from platform_core.contracts.grid import read_partitions
from platform_core.contracts.kinds import file_rule, read_file_name, read_kind
from platform_core.contracts.masks import read_masking
from platform_core.contracts.model import DataProduct, Grant, Support
from platform_core.contracts.properties import Level, check_properties
from platform_core.contracts.rules import read_rules
from platform_core.contracts.signature import baseline_rule, read_signature
from platform_core.contracts.sla import read_sla
from platform_core.contracts.stream import by_batch, read_event_time
from platform_core.errors import ContractError, Diagnostic
from platform_core.source.document import Document, parse
from platform_core.words import did_you_mean, slug

if TYPE_CHECKING:
    from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject


def load_contract(path: Path, domain: str | None = None) -> DataProduct:
    """Read one contract.

    ``domain`` is the domain in whose folder the file lies; None for a file that stands alone.
    Raises ContractError with every fault of the file.
    """
    document = parse(path)
    faults = (*undecided(document), *standard.validate(document))
    if faults:
        raise ContractError(*faults)
    return read(document, domain)


def read(document: Document, domain: str | None = None) -> DataProduct:
    """A valid ODCS document as a data product. Raises ContractError with all that it says wrongly."""
    contract = _model(document)
    faults = Faults(names.ours(document, domain))
    identity = names.identify(document, domain, faults)
    index = identity.schema_index
    table = contract.schema_[index] if contract.schema_ and index is not None else None
    check_properties(document, (), Level.CONTRACT, faults)
    if index is not None:
        check_properties(document, ("schema", index), Level.TABLE, faults)
    columns = read_columns(document, table, index, faults)
    partitions = read_partitions(document, table, index, columns, faults)
    sla = read_sla(document, contract, identity, columns, partitions is not None, faults)
    kind = read_kind(document, table, index, faults)
    file = read_file_name(document, kind, identity.name, index, faults)
    signature = read_signature(document, kind, index, faults)
    derived = (*sla.recency, *file_rule(document, kind, file, index), *baseline_rule(signature))
    rules = read_rules(document, table, identity, columns, partitions is not None, derived, faults)
    product = DataProduct(
        domain=identity.domain,
        name=identity.name,
        path=document.path,
        place=document.place("id"),
        version=contract.version or "",
        status=contract.status or "active",
        columns=columns,
        rules=by_batch(kind, rules, faults),
        owner=_owner(contract),
        purpose=(contract.description and contract.description.purpose) or _description(table),
        usage=(contract.description and contract.description.usage) or "",
        limitations=(contract.description and contract.description.limitations) or "",
        tags=_tags(contract, table),
        kind=kind,
        file=file,
        signature=signature,
        support=tuple(Support(item.channel or "", item.url, item.tool) for item in contract.support or []),
        grants=_grants(document, contract, faults),
        deadline=sla.deadline,
        maximum_age=sla.maximum_age,
        retention=sla.retention,
        partitions=partitions,
        event_time=read_event_time(document, index, kind, columns, partitions, faults),
        masking=read_masking(document, index, identity, columns, faults),
        places=document.places(),
        remarks=tuple(faults.remarks),
    )
    if faults.errors:
        first = {(d.code, d.message, d.place): d for d in faults.errors}
        raise ContractError(
            *sorted(first.values(), key=lambda d: (d.place.line, d.place.column) if d.place else (0, 0))
        )
    return product


def _model(document: Document) -> OpenDataContractStandard:
    """The document in the standard's own models.

    They are narrower than its schema where that is open (v3.0 took any further property, of any type):
    what does not fit there is left out, since nothing that we act on is that free.
    """
    # Pydantic and the models take a quarter of a second to import; `mesh --help` needs neither.
    from open_data_contract_standard.model import OpenDataContractStandard
    from pydantic import ValidationError

    # Servers say where the standard's users keep a table; here that is the lake's matter.
    data = {key: value for key, value in document.data.items() if key != "servers"}
    try:
        return OpenDataContractStandard.model_validate(data)
    except ValidationError as error:
        faults = [fault["loc"] for fault in error.errors(include_url=False, include_input=False)]
    data = copy.deepcopy(data)
    for location in faults:
        _leave_out(data, location)
    try:
        return OpenDataContractStandard.model_validate(data)
    except ValidationError as error:
        raise ContractError(
            *(
                Diagnostic("C014", f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}", document.place())
                for fault in error.errors(include_url=False)
            )
        ) from None


def _leave_out(data: Any, location: tuple[int | str, ...]) -> None:
    """Remove the deepest value on the way that the models point out, whose steps name types too."""
    parent: Any = None
    key: Any = None
    for step in location:
        inside = isinstance(data, dict) and step in data
        if inside or (isinstance(data, list) and isinstance(step, int) and step < len(data)):
            parent, key, data = data, step, data[step]
    if isinstance(parent, dict):
        parent.pop(key, None)
    elif isinstance(parent, list):
        parent[key] = {}


def _owner(contract: OpenDataContractStandard) -> str | None:
    team = contract.team
    if team is None or isinstance(team, list) or not team.name:
        return None
    # An address is already the name of somebody; a team's name becomes its slug.
    return team.name.strip().lower() if "@" in team.name else slug(team.name, "-")


def _description(table: SchemaObject | None) -> str:
    return (table.description if table is not None else None) or ""


def _tags(contract: OpenDataContractStandard, table: SchemaObject | None) -> tuple[str, ...]:
    tags = [*(contract.tags or []), *((table.tags if table is not None else None) or [])]
    return tuple(dict.fromkeys(tags))


def _grants(document: Document, contract: OpenDataContractStandard, faults: Faults) -> tuple[Grant, ...]:
    grants = []
    for index, role in enumerate(contract.roles or []):
        place = document.place("roles", index, "role")
        name = role.role or ""
        kind, colon, who = name.partition(":")
        if colon and kind != "domain" and did_you_mean(kind, ["domain"]):
            faults.error("C080", f'"{name}" grants to nobody', place, "domain:<name>", f"Write domain:{who}.")
        if kind == "domain" and colon:
            if not who.isidentifier():
                faults.error("C080", f'"{name}" names no domain', place, "domain:<name>, domain:hr")
            if role.access not in ("read", "masked"):
                faults.error(
                    "C080",
                    f"the grant to {name} does not say what it grants"
                    if role.access is None
                    else f'"{role.access}" cannot be granted',
                    document.place("roles", index, "access"),
                    expected="access: read, or access: masked for the masked twin",
                    fix="Write access: read. Only the own domain writes.",
                )
        grants.append(Grant(name, role.access or "", place))
    return tuple(grants)
