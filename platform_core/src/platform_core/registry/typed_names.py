"""Products and domains by the names that people type."""

from __future__ import annotations

from collections.abc import Sequence

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, UsageError
from platform_core.words import did_you_mean, listed


def product_id(written: str, products: Sequence[str]) -> ProductId:
    """The id of the product that a person means: ``sales.transactions`` is ``sales/transactions``.

    Raises UsageError U043, with the nearest name, for one that the mesh does not have.
    """
    wanted = ProductId.written(written)
    if wanted not in products:
        raise UsageError(unknown_product(written, products))
    return wanted


def domain_name(written: str, domains: Sequence[str]) -> str:
    """The domain itself. Raises UsageError U042, with the nearest name, for one that is not there."""
    if written not in domains:
        raise UsageError(unknown_domain(written, domains))
    return written


def unknown_product(written: str, products: Sequence[str]) -> Diagnostic:
    # "transactions" is closer to "sales/transactions" than any measure of letters would find.
    same = [product for product in products if ProductId(product).name == written]
    fix = f'did you mean "{same[0]}"?' if same else did_you_mean(ProductId.written(written), products)
    return _unknown("U043", f'there is no product "{written}"', products, fix)


def unknown_domain(written: str, domains: Sequence[str]) -> Diagnostic:
    return _unknown("U042", f'there is no domain "{written}"', domains, did_you_mean(written, domains))


def _unknown(code: str, message: str, known: Sequence[str], fix: str | None) -> Diagnostic:
    expected = f"one of {listed(sorted(known))}" if known else "a contract: none was found"
    return Diagnostic(code, message, expected=expected, fix=fix or "`mesh products` lists what there is")
