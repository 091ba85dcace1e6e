"""The exit statuses of the ``mesh`` command."""

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
