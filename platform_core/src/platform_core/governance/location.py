"""The code location of a domain, which loads only if the domain keeps the policies."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

import dagster as dg

from platform_core.diagnostics import Diagnostic, GovernanceError
from platform_core.governance.asset_facts import asset_facts
from platform_core.governance.collect import collect
from platform_core.governance.facts import MeshFacts, of_single_products
from platform_core.governance.judge import judge
from platform_core.governance.policy_set import load_policies
from platform_core.products.definitions import assemble
from platform_core.products.makers.domain import Domain, read_domain
from platform_core.registry.lookup import Registry
from platform_core.source.federation import read_federation

OF_THE_FEDERATION: Final = frozenset({"G401", "G402", "G403", "G404", "G406"})
"""Faults of waivers and of the federation's files. `mesh validate` fails on them, but locations load, since a
domain cannot repair them alone."""

CODE_SERVER: Final = "dagster.code_server"
_log = logging.getLogger("dagster.mesh")


@dataclass(frozen=True)
class Assembled:
    """A domain, its definitions, and the faults of the parts that were left out."""

    domain: Domain
    definitions: dg.Definitions
    faults: tuple[Diagnostic, ...]


ASSEMBLED: Final[dict[str, Assembled]] = {}
"""The results of ``domain_definitions`` in this process, by domain, even if refused, for `mesh validate`."""


def domain_definitions(domain: str) -> dg.Definitions:
    """The definitions of a domain's code location.

    ``domain`` is the name of its package. Every function marked ``@data_product`` in it, and every
    dbt model in ``dbt_projects/<domain>`` with a contract of its name, becomes an asset derived
    from its contract. Plain Dagster assets and checks of the package are included.

    A product with an unreadable contract or dbt project, and its consumers, are left out with a warning.

    Raises:
        GovernanceError: with the faults of its functions, and every policy of product or location scope
            that is broken and not waived. Warnings are logged.
    """
    definitions, errors = governed_definitions(domain)
    if errors:
        logging.getLogger(CODE_SERVER).addFilter(_without_traceback)
        # Raised here, since Dagster shows every frame of the traceback.
        raise GovernanceError(*errors) from None
    return definitions


def governed_definitions(
    domain: str, registry: Registry | None = None
) -> tuple[dg.Definitions, tuple[Diagnostic, ...]]:
    """The definitions of a domain, and the errors that prevent loading; ``registry`` may hold contracts that
    were read before."""
    with _no_garbage_collection():
        return _governed(read_domain(domain, registry))


def _governed(domain: Domain) -> tuple[dg.Definitions, tuple[Diagnostic, ...]]:
    definitions, faults = assemble(domain)
    ASSEMBLED[domain.name] = Assembled(domain, definitions, faults)
    facts = collect(domain, asset_facts(definitions.assets or ()))
    mesh = MeshFacts((facts,), read_federation(domain.root), complete=False)
    judgement = judge(mesh, load_policies(domain.root, [domain.name]), date.today())
    # Without the other locations, no policy reports the faults of assembling.
    found = tuple(dict.fromkeys((*faults, *judgement.diagnostics)))
    errors = tuple(d for d in found if d.severity == "error" and d.code not in OF_THE_FEDERATION)
    if not all(map(of_single_products, errors)):
        return definitions, errors
    for fault in errors:
        _log.warning(f"{domain.name} loads without what needs {fault.place}: {fault.code}, {fault.message}")
    if found := tuple(fault for fault in found if fault not in errors):
        warnings, them = ("warnings", "them") if len(found) > 1 else ("warning", "it")
        message = f"{domain.name}: {len(found)} governance {warnings} ({_codes(found)})"
        _log.warning(f"{message}; `mesh validate` shows {them}")
    return definitions, ()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """The objects of a location live as long as the process. Collecting garbage among them, now and later,
    would take a fifth of the time to load."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _without_traceback(record: logging.LogRecord) -> bool:
    """Shortens the code server's log of a failed load, since Dagster shows the failure too."""
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        if isinstance(error, GovernanceError):
            record.msg, record.args = "The location breaks policies: %s", (_codes(error.diagnostics),)
            record.exc_info = None
            return True
        error = error.__cause__ or error.__context__
    return True


def _codes(diagnostics: Iterable[Diagnostic]) -> str:
    return ", ".join(sorted({d.code for d in diagnostics}))
