"""The ``mesh`` command: one module per verb, imported only when that verb is called.

A verb's module says ``arguments(parser)``, which declares its options, and ``run(options)``, which
does the work and returns the exit status: 0 done, 1 findings, 2 wrong usage, 130 interrupted.
``--help`` and ``--version`` import none of them, so they answer at once.
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
    """Run one verb and return the exit status. ``argv`` without the program's name; None: the shell's."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        # What a command reads and imports lives until it ends: to look for garbage in it takes a quarter of
        # the time. There is still an end to what circles may hold.
        gc.set_threshold(100_000, 50, 100)
    if argv is None and sys.stdout is not None and sys.getfilesystemencoding() != "utf-8":
        # The engine takes paths for UTF-8, whatever the locale says. The terminal keeps its letters.
        from platform_core.settings import environment

        shown = {"PYTHONIOENCODING": sys.stdout.encoding, **environment(), "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, "-X", "utf8", "-m", "platform_core.cli", *words], shown)
    if sys.stderr is None:
        # Closed on purpose. Its number must not go to the next file that is opened.
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        print("the output cannot be written: it is closed", file=sys.stderr)
        return FAILED
    # A terminal or a pipe that lacks a letter shows its code instead.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _call(words)
    except (KeyboardInterrupt, RuntimeError) as error:
        # DuckDB's word for a Ctrl-C while it computes.
        if isinstance(error, RuntimeError) and str(error) != "Query interrupted":
            raise
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
    from platform_core.cli.grammar import module_of, understand
    from platform_core.diagnostics import PlatformError, UsageError

    try:
        try:
            options = understand(words)
        except SystemExit:
            return OK  # --help and --version leave this way
        if getattr(options, "format", "table") != "table" and isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # which the formats for programs are always in
        if options.verbosity > 0:
            from platform_core.cli.output import tell_what_is_used

            tell_what_is_used()
        status: int = module_of(options.verb).run(options)
        sys.stdout.flush()
        return status
    except PlatformError as fault:
        print(fault, file=sys.stderr)
        return USAGE if isinstance(fault, UsageError) else FAILED
