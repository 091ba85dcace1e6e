"""Which products a command means: ``sales/transactions``, ``sales``, ``+x``, ``x+``, ``+x+``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from platform_core.errors import Diagnostic, UsageError
from platform_core.graph import reached, reversed_edges
from platform_core.product_id import ProductId
from platform_core.words import did_you_mean, listed


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a selection, resolved to the products it names before following the graph."""

    products: tuple[str, ...]
    upstream: bool = False
    downstream: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The products a person asked for. No terms mean all products."""

    terms: tuple[Term, ...]
    products: tuple[str, ...]
    """All products of the mesh."""

    @property
    def follows_graph(self) -> bool:
        """Whether it takes the whole graph to tell what is selected."""
        return any(term.upstream or term.downstream for term in self.terms)

    def named(self) -> frozenset[str]:
        """What is selected without following the graph."""
        if not self.terms:
            return frozenset(self.products)
        return frozenset(name for term in self.terms for name in term.products)

    @property
    def downstream_of(self) -> frozenset[str]:
        """The products of which all that depends on them is selected too."""
        return frozenset(name for term in self.terms if term.downstream for name in term.products)

    def resolve(
        self, upstream: Mapping[str, Collection[str]], read: Mapping[str, Collection[str]] | None = None
    ) -> frozenset[str]:
        """The selected products, given the keys that each asset needs (products or not).

        ``read`` are those of which data flows into it, which is what downstream follows; without
        it, all.
        """
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
    """A selection from the words of a command line; commas separate as spaces do. ``elsewhere`` are
    products of other repositories, of which the contracts are known.

    Raises:
        UsageError: U023 for each name that is neither a product nor a domain, U086 for one of another
            repository's.
    """
    known = tuple(sorted(products))
    domains = sorted({ProductId(name).domain for name in known})
    terms: list[Term] = []
    faults: list[Diagnostic] = []
    for word in (part for text in words for part in text.replace(",", " ").split()):
        name = word.removeprefix("+").removesuffix("+")
        if name in known:
            members: tuple[str, ...] = (name,)
        elif name in domains:
            members = tuple(product for product in known if ProductId(product).domain == name)
        elif name in elsewhere or any(ProductId(product).domain == name for product in elsewhere):
            message = f"{name} is made in another repository: here its contract is known, and no more"
            owner = ProductId(name).domain
            faults.append(Diagnostic("U086", message, fix=f"Run it in the repository of {owner}."))
            continue
        else:
            faults.append(_unknown(name or word, known, domains))
            continue
        terms.append(Term(members, upstream=word.startswith("+"), downstream=word.endswith("+")))
    if faults:
        raise UsageError(*faults)
    return Selection(tuple(terms), known)


def _unknown(name: str, products: Sequence[str], domains: Sequence[str]) -> Diagnostic:
    # "transactions" is closer to "sales/transactions" than any measure of letters would find.
    short = [product for product in products if ProductId(product).name == name]
    guess = f'did you mean "{short[0]}"?' if short else did_you_mean(name, (*products, *domains))
    return Diagnostic(
        "U023",
        f'there is no product and no domain "{name}"',
        expected=listed((*domains, *products)) or "a product; no contract was found",
        fix=guess or "`mesh products` lists what there is",
    )
