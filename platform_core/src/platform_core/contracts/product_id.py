"""The id of a data product, made of a domain and a name."""

from __future__ import annotations

from typing import Self


class ProductId(str):
    """``<domain>/<product>``, as text; also the key of the product's asset.

    Text without a slash has an empty ``name``.
    """

    __slots__ = ()

    @classmethod
    def of(cls, domain: str, name: str) -> Self:
        return cls(f"{domain}/{name}")

    @classmethod
    def written(cls, words: str) -> Self:
        """The id as a person writes it: ``sales.transactions`` is ``sales/transactions``."""
        return cls(words if "/" in words else words.replace(".", "/", 1))

    @property
    def domain(self) -> str:
        return self.partition("/")[0]

    @property
    def name(self) -> str:
        return self.partition("/")[2]

    @property
    def path(self) -> list[str]:
        """The parts of the asset key."""
        return self.split("/")

    @property
    def step(self) -> str:
        """``sales__transactions``, the name of the op that makes the product."""
        return self.replace("/", "__")

    @property
    def in_sql(self) -> str:
        """``sales.transactions``, as a query names the product."""
        return self.replace("/", ".")
