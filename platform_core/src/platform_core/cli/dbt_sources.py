"""A dbt model's place in the mesh, read from its files: dbt itself takes seconds to start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from platform_core.access.grants import require_grant
from platform_core.errors import DefinitionError, Diagnostic, Place, PlatformError, shown
from platform_core.words import did_you_mean, listed

if TYPE_CHECKING:
    from platform_core.contracts.model import DataProduct
    from platform_core.contracts.registry import Registry

_CALL: Final = re.compile(
    r"""\{[{%][^}]*?\b(?P<call>source|ref)\(\s*['"](?P<first>[^'"]+)['"]"""
    r"""(?:\s*,\s*['"](?P<second>[^'"]+)['"])?\s*\)""",
    re.DOTALL,
)
_COMMENT: Final = re.compile(r"\{#.*?#\}", re.DOTALL)


def check_model(product: DataProduct, registry: Registry, root: Path) -> tuple[str, int]:
    """Check the dbt model of a product; returns its file and the number of products that it reads.

    Raises:
        PlatformError: D015 no model, D010 a product read by ``ref``, D025 a source that no YAML file of
            the project declares, D001 a source that is no product, A001 and A002 missing grants.
    """
    project = root / "dbt_projects" / product.domain
    models = {file.stem: file for file in sorted(project.glob("models/**/*.sql"))}
    if product.name not in models:
        raise DefinitionError(
            Diagnostic(
                "D015",
                f"nothing makes {product.id}, which this contract promises",
                product.place,
                expected=f'a function "{product.name}" marked @data_product in the package {product.domain}, '
                f"or a dbt model of that name in dbt_projects/{product.domain}",
                fix=did_you_mean(product.name, models),
            )
        )
    declared = _declared_sources(project)
    faults: list[Diagnostic] = []
    read: set[str] = set()
    for name, place in _sources(product, models, registry):
        read.add(name)
        try:
            require_grant(registry.get(name), f"domain:{product.domain}", root)
        except PlatformError as error:
            faults += (replace(fault, place=fault.place or place) for fault in error.diagnostics)
            continue
        if name not in declared:
            faults.append(
                Diagnostic(
                    "D025",
                    f"the dbt source {name.replace('/', '.')} is not declared",
                    place,
                    expected=f"one of {listed(sorted(declared))}" if declared else "a sources.yml",
                    fix=f"add it to the sources in {shown(project / 'models' / 'sources.yml')}",
                )
            )
    if faults:
        raise DefinitionError(*faults)
    return shown(models[product.name]), len(read)


def _sources(
    product: DataProduct, models: dict[str, Path], registry: Registry
) -> Iterator[tuple[str, Place]]:
    """The products that a model reads, through other models too, with where it says so."""
    waiting, seen = [product.name], {product.name}
    own = {name.name for name in registry.names() if name.domain == product.domain}
    while waiting:
        file = models[waiting.pop()]
        text = file.read_text(encoding="utf-8", errors="replace")
        # Comments keep their length, so that places stay right.
        text = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        for call in _CALL.finditer(text):
            start = call.start("call")
            line_start = text.rfind("\n", 0, start) + 1
            place = Place(file, text.count("\n", 0, start) + 1, start - line_start + 1, call.end() - start)
            if call["call"] == "source":
                yield f"{call['first']}/{call['second'] or ''}", place
                continue
            name = call["second"] or call["first"]
            if name in own:
                raise DefinitionError(
                    Diagnostic(
                        "D010",
                        f"the dbt model reads the product {product.domain}/{name} by ref()",
                        place,
                        expected="products are read as sources, so that only published versions are",
                        fix=f"{{{{ source('{product.domain}', '{name}') }}}}",
                    )
                )
            if name in models and name not in seen:
                seen.add(name)
                waiting.append(name)


def _declared_sources(project: Path) -> frozenset[str]:
    found = set()
    for file in sorted((*project.glob("models/**/*.yml"), *project.glob("models/**/*.yaml"))):
        document = yaml.load(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for source in (document or {}).get("sources") or ():
            found |= {f"{source['name']}/{table['name']}" for table in source.get("tables") or ()}
    return frozenset(found)
