"""The one resolver of secrets. Only the process that reads a source resolves its secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from platform_core.diagnostics import SourceError
from platform_core.settings import SECRETS, environment

Secret = str | Mapping[str, str]
"""The name of a secret, or where it is: ``{"env": "<variable>"}`` or ``{"file": "<path>"}``.

The secret ``SHOP_DB`` is the variable ``MESH_SECRET_SHOP_DB``, or the file that ``MESH_SECRET_SHOP_DB_FILE``
names.
"""

FILE: Final = "_FILE"


def secret_text(secret: Secret) -> str:
    """The text of a secret. Raises SourceError S020, without the text, if it is missing or empty."""
    variables = environment()
    if isinstance(secret, str):
        variable = SECRETS + secret
        text, path = variables.get(variable), variables.get(variable + FILE)
        expected = f"the variable {variable}, or {variable}{FILE} with the path of a file"
        fix = f"Set it, and add {variable} to `[tool.platform-core] environment` in the pyproject.toml."
    else:
        text, path = variables.get(secret.get("env", "")), secret.get("file")
        expected = 'a name, {"env": "<variable>"} or {"file": "<path>"}'
        fix = "Set the variable, or write the file."
    reason = "is not set"
    if text is None and path is not None:
        try:
            text = Path(path).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = f"cannot be read: {getattr(error, 'strerror', None) or 'not text in UTF-8'}"
    if not text:
        raise SourceError.of("S020", f"the secret {named(secret)} {reason}", None, expected, fix)
    return text


def named(secret: Secret) -> str:
    """A secret for messages."""
    return secret if isinstance(secret, str) else " ".join(map(str, secret.values()))


def secret_parts(secret: Secret, known: Mapping[str, str]) -> dict[str, str]:
    """A secret as named parts: a URL's ``user``, ``password``, ``host``, ``port`` and ``database``, or the
    members of a JSON object.

    ``known`` holds the names and their defaults; an empty default is required. Raises SourceError S020.
    """
    text = secret_text(secret)
    expected = "a URL scheme://user:password@host:port/database, or a JSON object with " + ", ".join(known)
    fix = "Correct the secret. Characters such as @ and / in a URL's password are percent-encoded."
    message = f"the secret {named(secret)} is not usable"
    try:
        parts = json.loads(text) if text.startswith("{") else _of_url(text)
        if not isinstance(parts, dict):
            raise ValueError("not an object")
    except ValueError:
        raise SourceError.of("S020", message, None, expected, fix) from None
    found = {name: str(parts.get(name) or default) for name, default in known.items()}
    unknown = [name for name in parts if name not in known]
    missing = [name for name, value in found.items() if not value]
    if unknown or missing:
        reason = f'unknown part "{unknown[0]}"' if unknown else f"without {missing[0]}"
        raise SourceError.of("S020", f"{message}: {reason}", None, expected, fix)
    return found


def _of_url(text: str) -> dict[str, str | None]:
    url = urlsplit(text)
    if not url.scheme or not url.hostname:
        raise ValueError("not a URL")
    port, options = url.port, dict(parse_qsl(url.query, keep_blank_values=True))
    return options | {
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "host": url.hostname,
        "port": str(port) if port else None,
        "database": unquote(url.path.removeprefix("/")),
    }


def confidential(secret: Secret) -> list[str]:
    """The texts that no message may have: the whole secret and its passwords, also percent-encoded. Empty for
    a secret that is not set."""
    try:
        text = secret_text(secret)
    except SourceError:
        return []
    password = text.partition("://")[2].rpartition("@")[0].partition(":")[2]
    found = [text, password, unquote(password)]
    with suppress(ValueError):
        parts = json.loads(text) if text.startswith("{") else {}
        found += [
            str(value) for name, value in parts.items() if name in ("password", "secret_key", "session_token")
        ]
    return [value for value in found if len(value) > 3]
