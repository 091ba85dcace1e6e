"""Files of sources that are compressed or remote, brought whole into a folder of the run."""

from __future__ import annotations

import re
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, responses
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from platform_core.diagnostics import SourceError, shown
from platform_core.lake.local.faults import DISK_FULL

CODECS: Final = {".gz": "gzip", ".zst": "zstd"}
_CHUNK: Final = 1 << 20
_SECONDS: Final = 30
"""The time that a server may be silent."""
_WAITS: tuple[float, ...] = (1, 2, 4, 8)
"""Seconds before each further try."""
_LONGEST_WAIT: Final = 60
_AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)


def whole(path: Path, folder: Path) -> Path:
    """Decompress a ``.gz`` or ``.zst`` file into ``folder``, and prove that it is whole: its last member has
    ended and its checksums hold. Returns the file, ``orders.csv`` for ``orders.csv.gz``.

    Raises SourceError S002 without the file, S030 for one that is cut off or damaged, S031 for one that
    changes meanwhile, S033 for a full disk.
    """
    import pyarrow

    try:
        before = _state(path)
        with _written(folder, path.stem) as (target, out):
            try:
                with (
                    path.open("rb") as raw,
                    pyarrow.CompressedInputStream(raw, CODECS[path.suffix.lower()]) as stream,
                ):
                    _copy(stream.read, out)
                damage = "" if before[0] else "it is empty"
            except OSError as error:
                if error.errno is not None:  # of the system, not of the codec
                    raise
                damage = str(error).partition("Detail")[0].rstrip(". ")
            if _state(path) != before:
                message, expected = f"{shown(path)} changes while it is read", "a file that nobody writes"
                fix = "Write it under another name, and rename it when it is complete."
                raise SourceError.of("S031", message, None, expected, fix)
            if damage:
                message = f"{shown(path)} is cut off or damaged: {damage}"
                expected, fix = "a whole compressed file", "Deliver the file again."
                raise SourceError.of("S030", message, None, expected, fix)
    except FileNotFoundError:
        fix = "Deliver the file, or correct the path of the source."
        raise SourceError.of("S002", f"there is no file {shown(path)}", None, "a file", fix) from None
    return target


def download(url: str, folder: Path, *, token: str | None = None) -> Path:
    """Get a file over HTTP into ``folder``, with the bearer token ``token``. Returns the file, by the last
    part of the URL's path.

    A server that is busy or breaks off is asked five times. The token goes to the URL's own origin only.
    Raises SourceError S032, which names host and status, and S033 for a full disk.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or not parts.hostname:
        raise _unfetched(parts, "a URL without a host, or with a user", "https://<host>/<path>")
    opener = build_opener(_Redirects(token))
    for wait in (*_WAITS, None):
        request = Request(url)
        if token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        asked = None
        try:
            with (
                opener.open(request, timeout=_SECONDS) as answer,
                _written(folder, Path(parts.path).name) as (target, out),
            ):
                if answer.status != 200:
                    raise _unfetched(parts, f"{answer.status} {answer.reason}, which is not the whole file")
                got, promised = _copy(answer.read, out), answer.headers["Content-Length"]
                chunked = answer.headers["Transfer-Encoding"] == "chunked"
                if promised is None and not chunked:
                    raise _unfetched(parts, "the server does not declare a length, so a cut would not show")
                if promised is None or got == int(promised):
                    return target
                raise ConnectionError(f"{got:,} of {promised} bytes arrived")
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"{error.code} {responses.get(error.code, '')}"
            asked = _seconds_asked(error.headers)
            again = error.code in _AGAIN
        except urllib.error.URLError as error:
            reason, again = str(error.reason), isinstance(error.reason, OSError)
        except (OSError, HTTPException, ValueError) as error:
            # An error of http.client may quote the URL.
            reason = str(error) if isinstance(error, OSError) else type(error).__name__
            again = True
        if wait is None or not again:
            break
        time.sleep(min(wait if asked is None else asked, _LONGEST_WAIT))
    raise _unfetched(parts, reason)


def s3_file(url: str, folder: Path, *, keys: Mapping[str, str]) -> Path:
    """Get an object ``s3://<bucket>/<key>`` into ``folder``. ``keys`` are ``access_key``, ``secret_key``, and
    optionally ``session_token``, ``region`` and ``endpoint``, a URL. Returns the file, by the last part of
    the key. Raises SourceError S031, S032, S033."""
    from pyarrow import fs

    parts = urlsplit(url)
    endpoint = urlsplit(keys.get("endpoint", ""))
    store = fs.S3FileSystem(
        **{name: keys.get(name) for name in ("access_key", "secret_key", "session_token", "region")},
        endpoint_override=endpoint.netloc or None,
        scheme=endpoint.scheme or "https",
        connect_timeout=_SECONDS,
        request_timeout=_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=len(_WAITS)),
    )
    at = endpoint if endpoint.hostname else parts
    name = f"{parts.netloc}{parts.path}"
    try:
        before = store.get_file_info(name)
        if before.type != fs.FileType.File:
            raise _unfetched(at, f"the bucket {parts.netloc} has no such object")
        with (
            _written(folder, Path(parts.path).name) as (target, out),
            store.open_input_stream(name) as stream,
        ):
            got, after = _copy(stream.read, out), store.get_file_info(name)
            if (before.size, before.mtime) != (after.size, after.mtime) or got != before.size:
                message, fix = f"an object on {at.hostname} changes while it is read", "Run it again."
                raise SourceError.of("S031", message, None, "an object that nobody writes", fix)
    except OSError as error:
        # The store's words may quote what it was asked.
        found = re.search(r"AWS Error ([A-Z_]+)|HTTP status (\d+)|curlCode: \d+, ([\w' ]+)", str(error))
        reason = next(filter(None, found.groups())) if found else type(error).__name__
        raise _unfetched(at, reason) from None
    return target


class _Redirects(HTTPRedirectHandler):
    """Follows to HTTP alone, and takes the token only to the same origin."""

    def __init__(self, token: str | None) -> None:
        self.token = token

    def redirect_request(self, req: Request, *answer: Any, **_: Any) -> Request | None:
        old, new = urlsplit(req.full_url), urlsplit(answer[-1])
        if new.scheme not in ("http", "https"):
            raise urllib.error.URLError(f"a redirect to {new.scheme}:")
        followed = super().redirect_request(req, *answer)
        if followed is not None and req.has_header("Authorization") and old[:2] == new[:2]:
            followed.add_unredirected_header("Authorization", f"Bearer {self.token}")
        return followed


def _seconds_asked(headers: Message) -> float | None:
    """The value of Retry-After: seconds, or a date."""
    text = str(headers.get("Retry-After", "")).strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _unfetched(
    at: SplitResult, reason: str, expected: str = "a file that is there for this reader"
) -> SourceError:
    message = f"a file of {at.hostname or 'no host'} cannot be read: {reason}"
    fix = "Correct the path of the source or its secret, or run it again when the server answers."
    return SourceError.of("S032", message, None, expected, fix)


def _state(path: Path) -> tuple[int, int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ino


def _copy(read: Callable[[int], Any], out: IO[bytes]) -> int:
    done = 0
    while chunk := read(_CHUNK):
        done += out.write(chunk)
    return done


@contextmanager
def _written(folder: Path, name: str) -> Iterator[tuple[Path, IO[bytes]]]:
    """A file of a folder, which is made; removed after an exception. Raises SourceError S033 where it has no
    space."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (re.sub(r"[^\w.-]", "_", name).lstrip(".") or "file")
    try:
        with target.open("wb") as out:
            yield target, out
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            message, expected = f"the disk of {shown(folder)} is full", "space for the whole file"
            raise SourceError.of("S033", message, None, expected, "Free some space.") from error
        raise
