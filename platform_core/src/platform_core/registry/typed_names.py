"""Products and domains by typed names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, Place, UsageError
from platform_core.words import did_you_mean, listed


def product_id(written: str, products: Sequence[str]) -> ProductId:
    """The id of a product from its typed name: ``sales.transactions`` is ``sales/transactions``.

    Raises UsageError U043, with the nearest name, for an unknown product.
    """
    wanted = ProductId.written(written)
    if wanted not in products:
        raise UsageError(unknown_product(written, products))
    return wanted


def domain_name(written: str, domains: Sequence[str]) -> str:
    """The domain itself. Raises UsageError U042, with the nearest name, for an unknown domain."""
    if written not in domains:
        raise UsageError(unknown_domain(written, domains))
    return written


def unknown_product(written: str, products: Sequence[str]) -> Diagnostic:
    fix = nearest_product(ProductId.written(written), products)
    return _unknown("U043", f'unknown product "{written}"', products, fix)


def nearest_product(written: str, products: Sequence[str]) -> str | None:
    """The suggestion of the nearest product, first of one with the same name in any domain; None without
    one."""
    name = ProductId(written).name or written
    same = [product for product in products if ProductId(product).name == name]
    return did_you_mean(*(same[0], same) if same else (written, products))


def unknown_domain(written: str, domains: Sequence[str]) -> Diagnostic:
    return _unknown("U042", f'unknown domain "{written}"', domains, did_you_mean(written, domains))


def require_known(
    what: str, given: Iterable[str], known: Sequence[str], whose: str, place: Place | None
) -> None:
    """Raise UsageError U011 for an unknown name."""
    for name in given:
        if name not in known:
            expected, fix = f"{what}s: {listed(known) or 'none'}", did_you_mean(name, known)
            raise UsageError.of("U011", f'{whose} has no {what} "{name}"', place, expected, fix)


def _unknown(code: str, message: str, known: Sequence[str], fix: str | None) -> Diagnostic:
    expected = f"one of {listed(sorted(known))}" if known else "a mesh with contracts"
    return Diagnostic(code, message, expected=expected, fix=fix or "List the products: `mesh products`")
