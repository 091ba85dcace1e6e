"""A dbt model's place in the mesh, without dbt, which takes seconds to start."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from platform_core.access.grants import require_grant
from platform_core.errors import DefinitionError, Diagnostic, Place, PlatformError, render, shown
from platform_core.words import did_you_mean

if TYPE_CHECKING:
    from platform_core.contracts.model import DataProduct
    from platform_core.contracts.registry import Registry


def check_model(product: DataProduct, registry: Registry, root: Path) -> tuple[str, int]:
    """Check the dbt model of a product; returns its file and the number of products that it reads.

    What is wrong with files of the project that the model does not need is a warning on standard error.

    Raises:
        PlatformError: D015 no model, D011 a file that cannot be read, D010 a product read by ``ref``, D025 a
            source that no YAML file of the project declares, D001 a source that is no product, A001 and A002
            missing grants, D020 and D021 what is wrong with its SQL.
    """
    from platform_core.governance.columns import of_model
    from platform_core.products.dbt_project import DbtProject

    project = DbtProject.of(product.domain, root)
    if product.name not in project.models:
        nothing = Diagnostic(
            "D015",
            f"nothing makes {product.id}, which this contract promises",
            product.place,
            expected=f'a function "{product.name}" marked @data_product in the package {product.domain}, '
            f"or a dbt model of that name in dbt_projects/{product.domain}",
            fix=did_you_mean(product.name, project.models),
        )
        # It may be where a file that cannot be read says.
        raise DefinitionError(*(project.files.all_faults() or (nothing,)))
    own = {name.name for name in registry.names() if name.domain == product.domain}
    read, faults = project.reads(product.name, own)
    granted: dict[str, DataProduct] = {}
    for name, place in read.items():
        try:
            found = registry.get(name)
            require_grant(found, f"domain:{product.domain}", root)
            granted[name] = found
        except PlatformError as error:
            faults += (replace(fault, place=fault.place or place) for fault in error.diagnostics)
    faults += project.undeclared({name: read[name] for name in granted})
    file = project.models[product.name]
    if not faults:
        by_name = {found.id.in_sql: found for found in granted.values()}
        faults += of_model(project.sql(product.name), by_name, Place(file)).faults
    unneeded = [fault for fault in project.files.all_faults() if fault not in faults]
    warnings = [replace(fault, severity="warning") for fault in unneeded]
    if faults:
        raise DefinitionError(*faults, *warnings)
    if warnings:
        print(render(warnings), file=sys.stderr)
    return shown(file), len(read)
