"""Redaction of a run's report: Dagster stores every message and shows it to all users.

If a product or its inputs have restricted or personal values, only the platform's own words are shown:
codes, names of its contract, counts of built-in rules. The rest goes to a file in the restricted lake.
"""

from __future__ import annotations

import builtins
import traceback
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import dagster as dg
import duckdb

from platform_core.codes import meaning
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Diagnostic, Place, PlatformError, own_line, render, shown
from platform_core.lake.errors import lake_faults
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import RESTRICTED
from platform_core.products.run.private_log import append, captured, private_log
from platform_core.quality.gate import ContractBroken
from platform_core.quality.outcome import Outcomes
from platform_core.version import LIBRARY

T = TypeVar("T")


def _has_hidden_columns(product: DataProduct) -> bool:
    return not all(column.shown_in_samples for column in product.columns)


@dataclass
class Redaction:
    """The redaction of one run; ``reads`` are its inputs and the products that foreign keys refer to."""

    product: DataProduct
    reads: tuple[DataProduct, ...]
    place: Place
    run_id: str
    file: Path | None = None
    """The file with the whole text; None if nothing is redacted."""
    _shown: set[Diagnostic] = field(default_factory=set)

    def __post_init__(self) -> None:
        # Only direct inputs count.
        origin = self.product.twin_of is not None or any(map(_has_hidden_columns, self.reads))
        self.applies = origin or _has_hidden_columns(self.product)
        self._rows = not origin and not self.product.restricted

    @property
    def lake(self) -> str:
        """The restricted lake of the domain, which need not exist."""
        return self.product.domain + RESTRICTED

    def work(self, work: Callable[[], T]) -> T:
        """Do the work of the run, with its output captured if it is redacted. Raises what it raises,
        LakeError."""
        if not self.applies:
            return work()
        location = current_lakes()
        with lake_faults(location, self.lake):
            self.file = private_log(location, self.lake, f"{self.product.name}-{self.run_id}")
        with captured(self.file):
            # In a new context the work cannot add events and metadata to Dagster's.
            done = Context().run(work)
        if not self.file.stat().st_size:
            self.file.unlink()
        return done

    def keep_log(self, log: Path) -> None:
        """Append the log of a called program to the file."""
        if self.file is not None and log.is_file():
            append(self.file, log.read_text(encoding="utf-8", errors="replace"))

    def shows_all(self, outcomes: Outcomes) -> bool:
        """Whether everything may be shown: no hidden values, or the audit has proved that the contract's
        disclosure rules hold."""
        proofs = [outcome for outcome in outcomes if outcome.rule.kind == "disclosure"]
        return not self.applies or (bool(proofs) and all(proof.passed for proof in proofs))

    def shows_rows(self, outcomes: Outcomes) -> bool:
        """Whether rows may be shown, without personal columns."""
        return self._rows or self.shows_all(outcomes)

    def outcomes(self, outcomes: Outcomes) -> Outcomes:
        """Check results, redacted."""
        if self.shows_all(outcomes):
            return outcomes
        return tuple(outcome.in_counts(outcome.sample if self._rows else ()) for outcome in outcomes)

    def diagnostics(self, error: PlatformError) -> tuple[Diagnostic, ...]:
        """The diagnostics of an error, redacted; the file gets the whole text."""
        if not self.applies or (error.diagnostics and self._shown.issuperset(error.diagnostics)):
            return error.diagnostics
        self._keep(error)
        redacted: tuple[Diagnostic, ...] = tuple(map(self._generic, error.diagnostics))
        # A domain may raise the platform's exceptions with words of its own.
        frames = traceback.extract_tb(error.__traceback__, limit=-1)
        if not (frames and Path(frames[0].filename).is_relative_to(LIBRARY)):
            redacted = (self._redacted(error),)
        elif isinstance(error, ContractBroken):
            redacted = ContractBroken(self.product, self.outcomes(error.outcomes)).diagnostics
        self._shown.update(redacted)
        return redacted

    def failure(self, error: BaseException) -> BaseException:
        """The redacted exception for Dagster. Raise it outside of the handler, so that it has no context."""
        if isinstance(error, PlatformError):
            return self.failed(self.diagnostics(error))
        if not self.applies:
            return error
        self._keep(error)
        if isinstance(error, dg.DagsterExecutionInterruptedError | KeyboardInterrupt):
            return type(error)()
        failed = self.failed((self._redacted(error),))
        if isinstance(error, dg.RetryRequested) and error.max_retries:
            retry = dg.RetryRequested(error.max_retries, error.seconds_to_wait)
            retry.__cause__ = failed
            return retry
        return failed

    def failed(self, diagnostics: Iterable[Diagnostic]) -> dg.Failure:
        """A failure with the text of redacted diagnostics."""
        if not self.applies:
            return dg.Failure(description=render(diagnostics), allow_retries=False)
        # A line of code may hold a value, a line of the contract does not.
        contract = self.product.path
        texts = [
            each.render(quote=each.place is not None and each.place.path == contract) for each in diagnostics
        ]
        if self.file is not None:
            texts.append(f"Only {self.product.domain} can read the whole text, in {shown(self.file)}.")
        return dg.Failure(description="\n\n".join(texts), allow_retries=False)

    def _generic(self, fault: Diagnostic) -> Diagnostic:
        if fault.plain:
            return fault
        texts = meaning(fault.code)
        message = f"{self.product.id} cannot be made" + (f": {texts.title}" if texts else "")
        return Diagnostic(fault.code, message, self.place, fix=f"Run `mesh explain {fault.code}`.")

    def _redacted(self, error: BaseException) -> Diagnostic:
        """D032: an error of a domain's code, by its type and line."""
        kind = type(error)
        known = any(getattr(module, kind.__name__, None) is kind for module in (builtins, duckdb, dg))
        name = kind.__name__ if known else "an exception"
        message = f"the code of {self.product.id} fails with {name}, whose text may hold confidential values"
        fix = "Fix the line. The function's test with made-up rows shows the whole error."
        return Diagnostic("D032", message, line_in(error, self.place.path.parent) or self.place, fix=fix)

    def _keep(self, error: BaseException) -> None:
        if self.file is not None:
            append(self.file, "".join(traceback.format_exception(error)))


def line_in(error: BaseException, folder: Path) -> Place | None:
    """The innermost line of the product's own code."""
    return own_line(error, lambda file: file.is_relative_to(folder) and file.is_file())
