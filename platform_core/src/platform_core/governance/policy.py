"""A policy: a small function with a stable code that yields violations, and its texts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from inspect import signature
from typing import Any, Final, Literal

from platform_core.codes import meaning
from platform_core.diagnostics import Diagnostic, Place

Scope = Literal["product", "location", "mesh"]
Strictness = Literal["error", "warn"]
FACTS: Final[Mapping[Scope, tuple[str, ...]]] = {
    "product": ("product", "location", "mesh"),
    "location": ("location", "mesh"),
    "mesh": ("mesh",),
}
"""The parameters of a policy by its scope: a ``DataProduct``, ``LocationFacts`` and ``MeshFacts``."""
REGISTERED: Final = "__policies__"
"""The name of a module's list of policies. The list is in the module, which may be loaded again."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation, before severity and waivers apply.

    ``product`` is the id of the product, None for a location or the mesh.
    """

    message: str
    place: Place | None
    product: str | None = None
    expected: str | None = None
    fix: str | None = None
    """A more specific fix than that of the policy."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule of the library, the federation or a domain.

    ``check`` takes any of ``FACTS[scope]``, by the names of its parameters.
    """

    code: str
    title: str
    scope: Scope
    rationale: str
    fix: str
    failing: str
    """An example that violates it."""
    passing: str
    check: Callable[..., Iterator[Violation]]
    severity: Strictness = "error"
    error_from: date | None = None
    """The end of a ramp: a warning before that day, an error from that day on."""
    domain: str | None = None
    """The domain that added it for its own products; None for a policy of the federation."""
    takes: tuple[str, ...] = field(init=False, repr=False)
    """The names of the parameters of ``check``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "takes", tuple(signature(self.check).parameters))

    def ask(self, facts: Mapping[str, object]) -> Iterator[Violation]:
        """The violations in ``facts``, which are named as in ``FACTS``."""
        return self.check(**{name: facts[name] for name in self.takes})

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
    """Turn a function into a policy, and register it in its module. ``words`` are fields of ``Policy``; the
    texts of a built-in policy are in ``platform_core.codes``."""
    texts = meaning(code)

    def declare(check: Callable[..., Iterator[Violation]]) -> Policy:
        declared = Policy(code=code, check=check, **{**(asdict(texts) if texts else {}), **words})
        vars(sys.modules[check.__module__]).setdefault(REGISTERED, []).append(declared)
        return declared

    return declare
