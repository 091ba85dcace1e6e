"""A policy: a small function with a stable code that yields violations, and the words around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from platform_core.diagnostics import Diagnostic, Place

Scope = Literal["product", "location", "mesh"]
Strictness = Literal["error", "warn"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach, before severity and waivers are considered.

    ``product`` is the product it is about, None where it is about a location or the mesh.
    """

    message: str
    place: Place | None
    product: str | None = None
    expected: str | None = None
    fix: str | None = None
    """Overrides the policy's own fix with one for this very place."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule of the federation, of a domain, or built in.

    ``check`` takes what its scope says: ``(DataProduct, LocationFacts, MeshFacts)`` for a product,
    ``(LocationFacts, MeshFacts)`` for a location, ``(MeshFacts,)`` for the mesh.
    """

    code: str
    title: str
    scope: Scope
    rationale: str
    fix: str
    failing: str
    """An example that violates it, as one would write it."""
    passing: str
    check: Callable[..., Iterator[Violation]]
    severity: Strictness = "error"
    error_from: date | None = None
    """The end of a ramp: a warning before that day, an error from then on."""
    domain: str | None = None
    """The domain that added it, for its own products only; None for the federation's."""

    def strictness(self, today: date) -> Strictness:
        if self.error_from is not None:
            return "error" if today >= self.error_from else "warn"
        return self.severity

    def diagnostic(self, violation: Violation, strictness: Strictness) -> Diagnostic:
        return Diagnostic(
            self.code,
            violation.message,
            violation.place,
            violation.expected,
            violation.fix or self.fix,
            "error" if strictness == "error" else "warning",
        )


def policy(code: str, **words: Any) -> Callable[[Callable[..., Iterator[Violation]]], Policy]:
    """Make a policy out of a function; its words are ``Policy``'s fields."""

    def declare(check: Callable[..., Iterator[Violation]]) -> Policy:
        return Policy(code=code, check=check, **words)

    return declare
