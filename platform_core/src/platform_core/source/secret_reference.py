"""References to secrets in files that everybody reads."""

from __future__ import annotations

from pathlib import Path

from platform_core.diagnostics import Diagnostic
from platform_core.secrets import Secret
from platform_core.source.cursor import Node


def secret_reference(node: Node, key: str, code: str) -> Secret | None:
    """The variable or the file with a secret, ``{env: NAME}`` or ``{file: PATH}``; a path is relative to the
    folder of the file. Anything else is an error with the code, which does not quote it."""
    value, found = node.get(key), node[key]
    if value is None:
        return None
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("env", "file"):
        name, text = next(iter(value.items()))
        if isinstance(text, str) and text:
            folder = node.document.path.parent
            return {name: str(folder / Path(text).expanduser()) if name == "file" else text}
    if isinstance(value, str):
        first = found.place().line
        node.faults.private |= {*range(first, first + value.count("\n") + 2)}
    how = "is written in the file" if isinstance(value, str) else "is not a reference"
    # Without a place, since its line would show the secret.
    message, expected = f"{key} {how} ({found.key_place()})", "{env: <variable>} or {file: <path>}"
    node.faults.errors.append(Diagnostic(code, message, None, expected, f"Write {key}: {{env: <variable>}}."))
    return None
