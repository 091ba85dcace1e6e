"""The ``mesh`` command: one module per verb, imported only when that verb is called.

A verb's module says ``arguments(parser)``, which declares its options, and ``run(options)``, which
does the work and returns the exit code: 0 all well, 1 something failed, 2 the command was called
wrongly, 130 interrupted. ``--help`` imports none of them, so it answers at once.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, Protocol, cast

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

VERBS: Final = {
    "infer": "infer a contract from a file, a product, SQL or a dbt model",
    "new": "add a product to a domain: contract, function and test",
    "format": "write contracts in the one form",
    "check": "check one product's contract and factory",
    "validate": "hold the whole workspace against all policies",
    "explain": "explain a diagnostic's code",
    "scorecard": "how every product stands with the policies",
    "products": "list the data products of the mesh",
    "status": "which products are overdue, failing or stale, and whom that affects",
    "show": "show one product: contract, owner, columns, versions",
    "keys": "list the keys of masked products, or rotate one",
    "query": "query granted products by their names, read-only",
    "run": "materialize products across all code locations",
    "register": "publish a domain's contracts to the registry of other repositories",
    "serve": "serve the Dagster UI and daemon for the whole workspace",
}


class Verb(Protocol):
    def arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, options: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code. ``argv`` without the program's name; None: the shell's."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _call(words)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`mesh products | head`): nothing to say, nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            raise
        print(f"the output cannot be written: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    finally:
        if argv is None:
            # From here on only the interpreter shuts down; a late Ctrl-C ends it without a traceback.
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _call(words: list[str]) -> int:
    from platform_core.errors import PlatformError, UsageError

    try:
        options = _parse(words)
        code = _module(options.verb).run(options)
        sys.stdout.flush()
        return code
    except UsageError as fault:
        print(fault, file=sys.stderr)
        return USAGE
    except PlatformError as fault:
        print(fault, file=sys.stderr)
        return FAILED
    except SystemExit as end:
        # argparse leaves this way: after --help with 0, after a wrong option with 2.
        return end.code if isinstance(end.code, int) else USAGE


def _parse(words: list[str]) -> argparse.Namespace:
    from platform_core.errors import Diagnostic, UsageError
    from platform_core.words import did_you_mean

    parser = argparse.ArgumentParser(prog="mesh", description="Run, check and read a data mesh.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, title="verbs")
    called = next((word for word in words if not word.startswith("-")), None)
    if called is not None and called not in VERBS:
        raise UsageError(
            Diagnostic(
                "U022",
                f'"{called}" is not a verb of mesh',
                expected=", ".join(VERBS),
                fix=did_you_mean(called, VERBS) or "`mesh --help` lists the verbs",
            )
        )
    for name, summary in VERBS.items():
        verb = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == called:
            _module(name).arguments(verb)
    return parser.parse_args(words)


def _module(name: str) -> Verb:
    return cast(Verb, import_module(f"platform_core.cli.{name}"))
