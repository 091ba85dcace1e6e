"""A governed code location: a domain's definitions, or what keeps them from being loaded."""

from __future__ import annotations

import dagster as dg

from platform_core.errors import DefinitionError
from platform_core.products.definitions import assemble
from platform_core.products.domain import read_domain


def domain_definitions(domain: str) -> dg.Definitions:
    """The definitions of a domain's code location; ``domain`` is the name of its package.

    Raises:
        DefinitionError: with every fault of its contracts, functions, models and references.
    """
    found = read_domain(domain)
    definitions, faults = assemble(found)
    if found.faults or faults:
        raise DefinitionError(*found.faults, *faults)
    return definitions
