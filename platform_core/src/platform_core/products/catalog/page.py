"""The page of a product in Dagster's UI: what a reader needs first, with links to people and products."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import dagster as dg

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Place
from platform_core.products.catalog.text import described
from platform_core.registry.lookup import Registry
from platform_core.settings import REPOSITORY
from platform_core.source.federation import read_teams

# Blocks of code stay as they are.
_NAMED: Final = re.compile(r"^```.*?^```$|(?<!\[)`(?P<name>\w+/\w+)`(?!\])", re.MULTILINE | re.DOTALL)
Reference = dg.LocalFileCodeReference | dg.UrlCodeReference


@dataclass(frozen=True)
class Page:
    """The links of a mesh: its teams, its products, and its files in the repository's web pages."""

    root: Path
    registry: Registry

    def description(self, product: DataProduct) -> str:
        """Markdown: purpose, owner, freshness and how to read it, then usage and limitations."""
        team = read_teams(self.root).teams.get(product.owner or "")
        return self.linked(described(product, team))

    def linked(self, text: str) -> str:
        """A text with each product's name in backticks as a link to its page."""

        def link(found: re.Match[str]) -> str:
            name = found["name"]
            return f"[{found[0]}](/assets/{name})" if name and self.registry.knows(name) else found[0]

        return _NAMED.sub(link, text)

    def file(self, place: Place) -> dg.MetadataValue[str]:
        """A file's page in the repository if ``MESH_REPOSITORY_URL`` is set, else its path."""
        url = self._url(place)
        return dg.MetadataValue.url(url) if url else dg.MetadataValue.path(str(place.path))

    def reference(self, label: str, at: Place) -> Reference:
        """A place for a button of the page."""
        if url := self._url(at):
            return dg.UrlCodeReference(url=url, label=label)
        return dg.LocalFileCodeReference(file_path=str(at.path), line_number=at.line, label=label)

    def _url(self, at: Place) -> str | None:
        base = REPOSITORY.address()
        if base is None or not at.path.is_relative_to(self.root):
            return None
        return f"{base}/{quote(at.path.relative_to(self.root).as_posix())}#L{at.line}"
