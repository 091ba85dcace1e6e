"""What may be said of a product's run: Dagster keeps every message, and shows it to everybody.

Of a product with restricted or personal values, or made of one that has some, only our own words are told:
codes, names of its contract, counts of built-in rules. All else goes to a file in the restricted lake.
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
from platform_core.lake.location import RESTRICTED, LakeLocation
from platform_core.products.run.private_log import append, captured, private_log
from platform_core.quality.gate import ContractBroken
from platform_core.quality.outcome import Outcomes
from platform_core.version import LIBRARY

T = TypeVar("T")


def _hides(product: DataProduct) -> bool:
    return not all(column.shown_in_samples for column in product.columns)


@dataclass
class Redaction:
    """What may be said of one run; ``reads`` are its inputs and what its foreign keys point to."""

    product: DataProduct
    reads: tuple[DataProduct, ...]
    place: Place
    run_id: str
    file: Path | None = None
    """Where the whole text is, once the run listens; None for a run that is spoken of openly."""
    _told: set[Diagnostic] = field(default_factory=set)

    def __post_init__(self) -> None:
        # One hop: who reads a product that is discreet by its origin alone is not discreet.
        origin = self.product.twin_of is not None or any(map(_hides, self.reads))
        self.applies = origin or _hides(self.product)
        self._rows = not origin and not self.product.restricted

    @property
    def lake(self) -> str:
        """The restricted lake of the domain, whether it is there or not."""
        return self.product.domain + RESTRICTED

    def work(self, work: Callable[[], T]) -> T:
        """Do the work of the run, where it is to be kept quiet. Raises what it raises, LakeError."""
        if not self.applies:
            return work()
        location = LakeLocation.current()
        with lake_faults(location, self.lake):
            self.file = private_log(location, self.lake, f"{self.product.name}-{self.run_id}")
        with captured(self.file):
            # In a context of its own, where Dagster's events and metadata are out of reach.
            done = Context().run(work)
        if not self.file.stat().st_size:
            self.file.unlink()
        return done

    def keep(self, log: Path) -> None:
        """Keep a log of a program that the run has called, where it is not to be read by all."""
        if self.file is not None and log.is_file():
            append(self.file, log.read_text(encoding="utf-8", errors="replace"))

    def speaks(self, outcomes: Outcomes) -> bool:
        """Whether all may be told of what was audited: it is not discreet, or the audit has proven what its
        contract discloses."""
        proofs = [outcome for outcome in outcomes if outcome.rule.kind == "disclosure"]
        return not self.applies or (bool(proofs) and all(proof.passed for proof in proofs))

    def shows_rows(self, outcomes: Outcomes) -> bool:
        """Whether rows may be shown, without the columns that are personal."""
        return self._rows or self.speaks(outcomes)

    def outcomes(self, outcomes: Outcomes) -> Outcomes:
        """Check results as they are told."""
        if self.speaks(outcomes):
            return outcomes
        return tuple(outcome.in_counts(outcome.sample if self._rows else ()) for outcome in outcomes)

    def diagnostics(self, error: PlatformError) -> tuple[Diagnostic, ...]:
        """A fault as it is told; the file has all of it."""
        if not self.applies or (error.diagnostics and self._told.issuperset(error.diagnostics)):
            return error.diagnostics
        self._keep(error)
        told: tuple[Diagnostic, ...] = tuple(map(self._in_our_words, error.diagnostics))
        if not _raised_in_the_library(error):
            told = (self._redacted(error),)
        elif isinstance(error, ContractBroken):
            told = ContractBroken(self.product, self.outcomes(error.outcomes)).diagnostics
        self._told.update(told)
        return told

    def failure(self, error: BaseException) -> BaseException:
        """What is raised to Dagster instead of an error. Raise it outside of the handler: the error must
        not hang on it."""
        if isinstance(error, PlatformError):
            return self.failed(self.diagnostics(error))
        if not self.applies:
            return error
        self._keep(error)
        if isinstance(error, dg.DagsterExecutionInterruptedError | KeyboardInterrupt):
            return type(error)()
        failed = self.failed((self._redacted(error),))
        if isinstance(error, dg.RetryRequested) and error.max_retries:
            again = dg.RetryRequested(error.max_retries, error.seconds_to_wait)
            again.__cause__ = failed
            return again
        return failed

    def failed(self, told: Iterable[Diagnostic]) -> dg.Failure:
        """A failure in the words of diagnostics that may be told."""
        if not self.applies:
            return dg.Failure(description=render(told), allow_retries=False)
        # A line of the contract is no value; a line of code may hold one.
        contract = self.product.path
        words = [each.render(quote=each.place is not None and each.place.path == contract) for each in told]
        if self.file is not None:
            words.append(f"The whole text is in {shown(self.file)}, for {self.product.domain} alone.")
        return dg.Failure(description="\n\n".join(words), allow_retries=False)

    def _in_our_words(self, fault: Diagnostic) -> Diagnostic:
        if fault.plain:
            return fault
        texts = meaning(fault.code)
        message = f"{self.product.id} cannot be made" + (f": {texts.title}" if texts else "")
        return Diagnostic(fault.code, message, self.place, fix=f"mesh explain {fault.code}")

    def _redacted(self, error: BaseException) -> Diagnostic:
        """D032: an error of a domain's own code, by its kind and line."""
        kind = type(error)
        known = any(getattr(module, kind.__name__, None) is kind for module in (builtins, duckdb, dg))
        message = (
            f"what makes {self.product.id} fails with {kind.__name__ if known else 'an exception'}; its "
        )
        message += "words are not shown, since they may hold values that are personal or restricted"
        fix = "mend the line; the function's test with made-up rows shows the whole error"
        return Diagnostic("D032", message, line_in(error, self.place.path.parent) or self.place, fix=fix)

    def _keep(self, error: BaseException) -> None:
        if self.file is not None:
            append(self.file, "".join(traceback.format_exception(error)))


def _raised_in_the_library(error: BaseException) -> bool:
    """Whether its words are ours: a domain may raise our exceptions with words of its own."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return bool(frames) and Path(frames[0].filename).is_relative_to(LIBRARY)


def line_in(error: BaseException, folder: Path) -> Place | None:
    """The innermost line of the product's own code."""
    return own_line(error, lambda file: file.is_relative_to(folder) and file.is_file())
