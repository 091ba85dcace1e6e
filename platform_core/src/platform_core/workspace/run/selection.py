"""The selection of products in a command: ``sales/transactions``, ``sales``, ``+x``, ``x+``, ``+x+``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, PlatformError, UsageError
from platform_core.graph import reached, reversed_edges
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import unknown_domain, unknown_product


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a selection: the products that it names, and the directions to follow."""

    products: tuple[str, ...]
    upstream: bool = False
    downstream: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected products. Without terms, all products."""

    terms: tuple[Term, ...]
    products: tuple[str, ...]
    """All products of the mesh."""

    @property
    def follows_graph(self) -> bool:
        """Whether the selection depends on the whole graph."""
        return any(term.upstream or term.downstream for term in self.terms)

    def named(self) -> frozenset[str]:
        if not self.terms:
            return frozenset(self.products)
        return frozenset(name for term in self.terms for name in term.products)

    @property
    def downstream_of(self) -> frozenset[str]:
        """The products whose downstream is selected too."""
        return frozenset(name for term in self.terms if term.downstream for name in term.products)

    def resolve(
        self, upstream: Mapping[str, Collection[str]], read: Mapping[str, Collection[str]] | None = None
    ) -> frozenset[str]:
        """The selected products, from the upstream keys of each asset. Downstream follows ``read``, the
        upstream keys whose data it reads; by default all."""
        chosen = set(self.named())
        downstream = reversed_edges(upstream if read is None else read)
        for term in self.terms:
            if term.upstream:
                chosen |= reached(term.products, upstream)
            if term.downstream:
                chosen |= reached(term.products, downstream)
        return frozenset(chosen & set(self.products))


def parse_selection(
    words: Sequence[str], products: Collection[str], elsewhere: Collection[str] = ()
) -> Selection:
    """A selection from the words of a command line, separated by spaces or commas. ``elsewhere`` are products
    of other repositories. Raises UsageError: U043 for each unknown product, U042 for each unknown domain,
    U086 for products of another repository."""
    known = tuple(sorted(products))
    domains = sorted({ProductId(name).domain for name in known})
    terms: list[Term] = []
    faults: list[Diagnostic] = []
    for word in (part for text in words for part in text.replace(",", " ").split()):
        name = ProductId.written(word.removeprefix("+").removesuffix("+"))
        if name in known:
            members: tuple[str, ...] = (name,)
        elif name in domains:
            members = tuple(product for product in known if ProductId(product).domain == name)
        elif name in elsewhere or any(ProductId(product).domain == name for product in elsewhere):
            message = f"{name} is made in another repository, and only its contract is here"
            fix = f"Run it in the repository of {name.domain}."
            faults.append(Diagnostic("U086", message, fix=fix))
            continue
        elif name.name or any(ProductId(product).name == name for product in known):
            faults.append(unknown_product(name, known))
            continue
        else:
            faults.append(unknown_domain(name or word, domains))
            continue
        terms.append(Term(members, upstream=word.startswith("+"), downstream=word.endswith("+")))
    if faults:
        raise UsageError(*faults)
    return Selection(tuple(terms), known)


def explain_unmade(product: str, location: str, root: Path) -> tuple[Diagnostic, ...]:
    """The diagnostics for a product without an asset: the faults of its contract, or R004."""
    try:
        Registry.open(root).get(product)
    except PlatformError as error:
        return error.diagnostics
    message = f"{product} has a contract, but code location {location} has no asset for it"
    return (Diagnostic("R004", message, fix=f"`mesh check {product}` shows what is missing."),)
