"""Products and domains by the names that people type."""

from __future__ import annotations

from collections.abc import Sequence

from platform_core.errors import Diagnostic, UsageError, did_you_mean, listed


def product_id(written: str, products: Sequence[str]) -> str:
    """The id of the product that a person means: ``sales.transactions`` is ``sales/transactions``.

    Raises UsageError U043, with the nearest name, for one that the mesh does not have.
    """
    if slashed(written) not in products:
        raise UsageError(unknown_product(written, products))
    return slashed(written)


def domain_name(written: str, domains: Sequence[str]) -> str:
    """The domain itself. Raises UsageError U042, with the nearest name, for one that is not there."""
    if written not in domains:
        raise UsageError(unknown_domain(written, domains))
    return written


def slashed(written: str) -> str:
    return written if "/" in written else written.replace(".", "/", 1)


def unknown_product(written: str, products: Sequence[str]) -> Diagnostic:
    # "transactions" is closer to "sales/transactions" than any measure of letters would find.
    same = [product for product in products if product.rpartition("/")[2] == written]
    fix = f'did you mean "{same[0]}"?' if same else did_you_mean(slashed(written), products)
    return _unknown("U043", f'there is no product "{written}"', products, fix)


def unknown_domain(written: str, domains: Sequence[str]) -> Diagnostic:
    return _unknown("U042", f'there is no domain "{written}"', domains, did_you_mean(written, domains))


def _unknown(code: str, message: str, known: Sequence[str], fix: str | None) -> Diagnostic:
    expected = f"one of {listed(sorted(known))}" if known else "a contract: none was found"
    return Diagnostic(code, message, expected=expected, fix=fix or "`mesh products` lists what there is")
