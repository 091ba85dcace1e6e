"""The grammar of the command line: the verbs, their arguments, and the diagnostics for anything else.

A test compares ``docs/command-line.md`` with the parsers of ``parser_of``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Final, NoReturn

from platform_core.diagnostics import Diagnostic, UsageError
from platform_core.words import did_you_mean, listed


@dataclass(frozen=True, slots=True)
class Verb:
    """``findings`` is the meaning of exit status 1; ``formats`` are for ``--format``, the default first."""

    folder: str
    summary: str
    findings: str
    formats: tuple[str, ...] = ("table", "json")


VERBS: Final[Mapping[str, Verb]] = {
    "infer": Verb("author", "draft a contract from a file, SQL or a dbt model", "the data cannot be read"),
    "new": Verb("author", "add a domain, or a product: contract, function, test", "the data cannot be read"),
    "remove": Verb(
        "author", "remove a domain or a product, with its data", "it has readers, or git could not restore it"
    ),
    "format": Verb("author", "format contracts", "a contract is broken, or --check found an unformatted one"),
    "check": Verb("author", "check a product's contract and function or model", "the product has a fault"),
    "validate": Verb(
        "govern",
        "check the whole workspace against all policies",
        "a policy is violated, or a location does not load",
        ("table", "json", "sarif", "github"),
    ),
    "explain": Verb("govern", "explain the code of a diagnostic", "the policies cannot be read"),
    "scorecard": Verb("govern", "show the state of products with policies", "a product could not be judged"),
    "products": Verb("read", "list the data products of the mesh", "a contract is broken"),
    "status": Verb("operate", "list overdue, failing and stale products", "a product is not as promised"),
    "show": Verb("read", "show a product: contract, columns, checks", "a contract or a file is broken"),
    "history": Verb("read", "list the versions of a product, with their runs", "the product cannot be read"),
    "diff": Verb(
        "read",
        "compare the published version of a product with another",
        "a version cannot be read; differences have status 0",
        ("table", "json", "markdown"),
    ),
    "keys": Verb("operate", "list the keys of masked products, or rotate one", "a contract is broken"),
    "query": Verb(
        "read",
        "query granted products by their names, read-only",
        "the query is refused, or a product cannot be read",
        ("table", "json", "jsonl", "csv", "markdown", "parquet", "arrow"),
    ),
    "attach": Verb(
        "read", "write a DuckDB file of granted products for BI tools", "a contract or a lake cannot be read"
    ),
    "lineage": Verb(
        "read", "show from which columns a column is made, and where it flows", "a location cannot be read"
    ),
    "stats": Verb("read", "show statistics of a product's columns", "the version has none"),
    "run": Verb("operate", "materialize products of all code locations", "a product was not made"),
    "plan": Verb(
        "operate",
        "show what a change does to products and their readers",
        "a location or a lake cannot be read",
        ("table", "json", "markdown"),
    ),
    "grant": Verb(
        "govern",
        "plan or apply the rights of contracts on servers",
        "check: the servers differ from the contracts",
    ),
    "register": Verb("govern", "publish contracts for other repositories", "nothing was registered"),
    "completion": Verb("read", "print a script that completes mesh in a shell", "it cannot be written", ()),
    "doctor": Verb("operate", "check the deployment or the state folder, end to end", "a check failed"),
    "incident": Verb("operate", "list incidents by their causes, and answer to them", "an incident is open"),
    "alert": Verb("operate", "try a channel, or see who hears of a product", "the channel took no message"),
    "slo": Verb("operate", "show how well products keep their promises", "a product is below its target"),
    "watch": Verb(
        "operate",
        "keep incidents, and send alerts to owners and readers",
        "a round could not be done",
    ),
    "serve": Verb("operate", "serve Dagster's UI and daemon", "the server did not start, or ended", ()),
    "metrics": Verb("operate", "serve metrics of the mesh for Prometheus", "it cannot serve", ()),
    "deploy": Verb("operate", "write a compose file of the deployment", "the deployment cannot be read", ()),
}


def module_of(verb: str) -> ModuleType:
    """The module with ``arguments`` and ``run`` of a verb."""
    return import_module(f"platform_core.cli.{VERBS[verb].folder}.{verb}")


class Parser(argparse.ArgumentParser):
    """Raises UsageError U091 to U094 instead of printing the usage and exiting."""

    def __init__(self, prog: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            exit_on_error=False,
        )
        verbosity = partial(self.add_argument, dest="verbosity", action="store_const", default=0)
        verbosity("-q", "--quiet", const=-1, help="no notes and no progress on standard error")
        verbosity("-v", "--verbose", const=1, help="also show the mesh, lake and versions in use")

    def error(self, message: str) -> NoReturn:
        raise argparse.ArgumentError(None, message)

    def understand(self, words: Sequence[str]) -> argparse.Namespace:
        try:
            options, rest = self.parse_known_args(words)
        except argparse.ArgumentError as error:
            raise UsageError(self._unknown(words) or self._missing(error)) from None
        if rest:
            usage = " ".join(self.format_usage().split()).removeprefix("usage: ")
            unexpected = Diagnostic("U091", f'unexpected argument "{rest[0]}"', expected=usage)
            raise UsageError(self._unknown(words) or unexpected)
        return options

    def _unknown(self, words: Sequence[str]) -> Diagnostic | None:
        known = [option for action in self._actions for option in action.option_strings]
        for word in words[: words.index("--")] if "--" in words else words:
            name = word.partition("=")[0]
            # Short options may be combined, as in -qv.
            if re.fullmatch(r"-[a-zA-Z]\S*|--\S+", name) and not {name, name[:2]} & set(known):
                fix = did_you_mean(name, known) or f"`{self.prog} --help` lists the options."
                return Diagnostic("U092", f'{self.prog} has no option "{name}"', None, listed(known), fix)
        return None

    def _missing(self, error: argparse.ArgumentError) -> Diagnostic:
        if error.message.startswith("ignored explicit argument"):
            return Diagnostic("U094", f"{error.argument_name} takes no value", fix="Leave the value out.")
        # Without a name the message is "the following arguments are required: A, B".
        name = error.argument_name or error.message.rpartition(": ")[2].partition(",")[0]
        action = next(a for a in self._actions if name in (a.metavar or a.dest, *a.option_strings))
        message = f"{name} needs a value" if error.argument_name else f"{name} is missing"
        expected = f"{action.metavar or action.dest}: {action.help}"
        return Diagnostic("U093", message, None, expected, f"`{self.prog} --help` describes it.")


def parser_of(name: str) -> Parser:
    """The whole parser of one verb; imports only that verb's module."""
    verb = VERBS[name]
    status = f"Exit status: 0 done; 1 {verb.findings}; 2 wrong usage; 130 interrupted."
    parser = Parser(f"mesh {name}", f"{verb.summary[0].upper()}{verb.summary[1:]}.", status)
    module_of(name).arguments(parser)
    if verb.formats:
        parser.add_argument(
            "--format",
            type=one_of("--format", verb.formats),
            choices=verb.formats,
            help=f"format of the output; default: {verb.formats[0]}",
        )
        parser.add_argument("--json", dest="format", action="store_const", const="json", help="--format json")
    return parser


def understand(words: Sequence[str]) -> argparse.Namespace:
    """The options of one call, ``verb`` among them.

    Raises UsageError U022, U091 to U094. ``--help`` and ``--version`` print and raise SystemExit.
    """
    from platform_core.version import __version__

    for word in words:
        require_text(word)
    before = list(takewhile(lambda word: word.startswith("-"), words))
    width = max(map(len, VERBS)) + 2
    lines = [f"  {name:<{width}}{verb.summary}" for name, verb in VERBS.items()]
    status = "Exit status: 0 done, 1 findings, 2 wrong usage, 130 interrupted."
    parser = Parser("mesh", "Run, check and read a data mesh.", "\n".join(["verbs:", *lines, "", status]))
    parser.usage = "mesh [-q | -v] VERB ..."
    parser.add_argument("--version", action="version", version=f"mesh {__version__}")
    parser.understand(before)
    called, *rest = words[len(before) :] or [""]
    if called == "help":
        called, *rest = [*rest, "--help"]
        parser.understand([] if rest else [called])
    if called not in VERBS:
        message = f'"{called}" is not a verb of mesh' if called else "no verb is named"
        fix = did_you_mean(called, VERBS) or "`mesh --help` lists the verbs."
        raise UsageError.of("U022", message, None, ", ".join(VERBS), fix)
    options = parser_of(called).understand([*before, *rest])
    options.verb = called
    if getattr(options, "format", "") is None:
        options.format = _format_of(getattr(options, "output", None), VERBS[called].formats)
    return options


def _format_of(output: Path | None, formats: Sequence[str]) -> str:
    """The format by the ending of a file; the first one without a file."""
    if output is None:
        return formats[0]
    ending = output.suffix[1:].lower()
    found = {"md": "markdown", "ndjson": "jsonl", "txt": "table"}.get(ending, ending)
    if found not in formats:
        message = f"the ending of {output} names no format"
        raise UsageError.of("U094", message, None, listed(formats), "Write one: --format FORMAT.")
    return found


def require_text(word: str) -> None:
    """Raise UsageError U094 for bytes from the shell that are not UTF-8."""
    try:
        word.encode()
    except UnicodeEncodeError:
        escaped = word.encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise UsageError.of("U094", f"this is not text in UTF-8: {escaped}") from None


def domain_option(parser: argparse.ArgumentParser, what: str = "only the products of this domain") -> None:
    parser.add_argument("--domain", metavar="DOMAIN", help=what)


def one_of(name: str, known: Sequence[str]) -> Callable[[str], str]:
    """A type for an argument with fixed values. It raises UsageError U094."""

    def convert(word: str) -> str:
        if word not in known:
            fix = did_you_mean(word, known)
            raise UsageError.of("U094", f'{name} cannot be "{word}"', None, listed(known), fix)
        return word

    return convert


def number(name: str, first: int, last: int | None = None) -> Callable[[str], int]:
    """A type for an argument with a whole number. It raises UsageError U094."""

    def convert(word: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", word) or not first <= int(word) <= (last or int(word)):
            bounds = f"a whole number from {first}{'' if last is None else f' to {last}'}"
            raise UsageError.of("U094", f'{name} cannot be "{word}"', expected=bounds)
        return int(word)

    return convert
