"""The ``mesh`` command: one module per verb, imported only when that verb is called.

A verb's module has ``arguments(parser)``, which declares its options, and ``run(options)``, which does the
work and returns the exit status: 0 done, 1 findings, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from platform_core.cli.exit_status import FAILED, INTERRUPTED, OK, USAGE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status. ``argv`` excludes the program's name; None: the shell's."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        # The objects of a command live until it ends, and a search for garbage takes a quarter of its time.
        # The thresholds still limit the memory of reference cycles.
        gc.set_threshold(100_000, 50, 100)
    if argv is None and sys.stdout is not None and sys.getfilesystemencoding() != "utf-8":
        # DuckDB reads paths as UTF-8 in any locale. The terminal keeps its encoding.
        from platform_core.settings import environment

        shown = {"PYTHONIOENCODING": sys.stdout.encoding, **environment(), "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, "-X", "utf8", "-m", "platform_core.cli", *words], shown)
    if sys.stderr is None:
        # The caller closed it. The next opened file must not get its number.
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        print("the output cannot be written: it is closed", file=sys.stderr)
        return FAILED
    # An encoding without a letter shows its code instead.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _call(words)
    except (KeyboardInterrupt, RuntimeError) as error:
        # DuckDB raises this RuntimeError for a Ctrl-C while it computes.
        if isinstance(error, RuntimeError) and str(error) != "Query interrupted":
            raise
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has ended (`mesh products | head`), so no message can reach it.
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
            # A Ctrl-C during the interpreter's shutdown ends it without a traceback.
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _call(words: list[str]) -> int:
    from platform_core.cli.grammar import module_of, understand
    from platform_core.diagnostics import PlatformError, UsageError

    try:
        try:
            options = understand(words)
        except SystemExit:
            return OK  # after --help and --version
        if getattr(options, "format", "table") != "table" and isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # formats for programs are always UTF-8
        if options.verbosity > 0:
            from platform_core.cli.output import print_environment

            print_environment()
        status: int = module_of(options.verb).run(options)
        sys.stdout.flush()
        return status
    except PlatformError as fault:
        print(fault, file=sys.stderr)
        return USAGE if isinstance(fault, UsageError) else FAILED
