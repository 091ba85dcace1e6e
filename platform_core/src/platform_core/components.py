"""The platform's Components for ``dg``.

``dg scaffold defs platform_core.components.DataProduct staffing --reads hr/employees`` writes a product in
YAML and SQL into the ``defs`` folder of a domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from platform_core.contracts.product_id import ProductId


class _Parameters(dg.Model):
    reads: str


class _Scaffolder(dg.Scaffolder[_Parameters]):
    @classmethod
    def get_scaffold_params(cls) -> type[_Parameters]:
        return _Parameters

    def scaffold(self, request: dg.ScaffoldRequest[_Parameters]) -> None:
        product, sql = request.params.reads, f"{request.target_path.name}.sql"
        name = ProductId(product).name
        (request.target_path / sql).write_text(f'SELECT *\nFROM "{name}"\n', encoding="utf-8")
        dg.scaffold_component(request, {"sql": sql, "inputs": {name: product}})


@dg.scaffold_with(_Scaffolder)
class DataProduct(dg.Component, dg.Model, dg.Resolvable):
    """A data product made by one SELECT; its contract has everything else. Its name is that of its folder.

    ``sql`` is the name of a file in that folder. ``inputs`` are products by their names in the SQL, or the
    arguments of a source, with its name as ``source``. ``engine`` runs the SQL: ``duckdb`` or ``spark``.
    ``view`` publishes the SELECT as a view, without a copy of the rows.
    """

    sql: str
    inputs: Mapping[str, str | Mapping[str, Any]] | None = None
    engine: str = "duckdb"
    view: bool = False

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Nothing: ``domain_definitions`` reads the same file and makes the asset."""
        return dg.Definitions()
