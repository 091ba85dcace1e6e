"""The examples of policies, run: their fragments are laid over the valid mesh.

Each fragment begins with a comment that names its file. A key of a YAML fragment replaces the file's key, and
schema objects, columns, teams, waivers and locations are found by their names. A function or a variable of a
Python fragment replaces that of its name, and other statements are added.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import yaml

_FILE = re.compile(r"^# (\S+\.(?:yaml|py))$", re.MULTILINE)
_NAMED = ("schema", "properties", "teams", "waivers", "load_from")


def lay_over(root: Path, example: str) -> None:
    """Change the files of a mesh by an example."""
    before, *parts = _FILE.split(example)
    assert not before.strip(), f"the example begins without the name of a file: {before}"
    for name, fragment in zip(parts[::2], parts[1::2], strict=True):
        (path,) = _files(root, name)
        over = _yaml_over if path.suffix == ".yaml" else _python_over
        path.write_text(over(path.read_text(), fragment))


def names_a_file(root: Path, example: str) -> bool:
    """Whether an example begins with the name of a file of the mesh."""
    found = _FILE.match(example)
    return found is not None and bool(_files(root, found[1]))


def _files(root: Path, name: str) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and str(path).endswith(f"/{name}")]


def _yaml_over(text: str, fragment: str) -> str:
    return yaml.safe_dump(_over(yaml.safe_load(text), yaml.safe_load(fragment)), sort_keys=False)


def _over(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return old | {
        key: _items_over(key, old.get(key, []), value) if key in _NAMED else value
        for key, value in new.items()
    }


def _items_over(key: str, old: Any, new: Any) -> Any:
    if key == "teams":
        return old | new
    items = {_name(item): item for item in old}
    for item in new:
        name = _name(item)
        items[name] = _over(items[name], item) if key == "schema" else item
    return list(items.values())


def _name(item: dict[str, Any]) -> object:
    if "python_module" in item:
        return item["python_module"]["module_name"]
    return item.get("name", (item.get("code"), item.get("product")))


def _python_over(text: str, fragment: str) -> str:
    for statement in ast.parse(fragment).body:
        lines, names = text.splitlines(), _defined(statement)
        old = [each for each in ast.parse(text).body if names and _defined(each) == names]
        start, end = _span(old[0]) if old else (len(lines), len(lines))
        first, last = _span(statement)
        text = "\n".join([*lines[:start], *fragment.splitlines()[first:last], *lines[end:]]) + "\n"
    return text


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Assign):
        return [ast.unparse(target) for target in statement.targets]
    return [statement.name] if isinstance(statement, ast.FunctionDef) else []


def _span(statement: ast.stmt) -> tuple[int, int]:
    decorators = getattr(statement, "decorator_list", [])
    return min(each.lineno for each in (statement, *decorators)) - 1, statement.end_lineno or statement.lineno
