"""Every value of the files that people write, replaced by a value of another type."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from platform_core.diagnostics import DefinitionError, Diagnostic
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations

TEAMS = """\
teams:
  shop-team:
    name: Shop
    description: Sells.
    domain: shop
    email: shop@example.com
    channels: [{channel: "#shop", tool: slack, url: "https://example.com", description: Ask here.}]
    members: [{role: owner, name: A, email: a@example.com}]
"""
MESH = """\
topology: governed
central_team: shop-team
email_domains: [example.com]
representatives: {shop: [a@example.com]}
"""
WAIVERS = """\
waivers:
  - {code: G108, product: shop/stores, reason: Later., approvers: [a@example.com], expires: "2030-01-01"}
"""
WORKSPACE = """\
load_from:
  - python_module:
      module_name: shop.definitions
      location_name: shop
      executable_path: python
      working_directory: domains/shop/src
      attribute: defs
"""
ALERTS = """\
policies:
  - name: owners
    events: [opened, repeated]
    of: {domain: [shop], owner: shop, tag: [sales], selection: shop/sales+}
    notify: [owner]
    by: [slack]
    repeat: 24h
email: {host: mail.example.com, port: 25, encryption: tls, from: a@example.com, user: a, password: {env: P}}
heartbeat: {env: HEARTBEAT}
"""
FILES = {
    "governance/teams.yaml": TEAMS,
    "governance/mesh.yaml": MESH,
    "governance/waivers.yaml": WAIVERS,
    "governance/alerts.yaml": ALERTS,
    "workspace.yaml": WORKSPACE,
}
OTHERS: tuple[Any, ...] = (5, 1.5, True, "words", ["words"], {"words": 1}, [[]], {}, [])
FREE_TEXT = {"description", "role"}
"""Values that the platform does not read."""


def pointers(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from pointers(child, (*at, key))


def replaced(document: Any, at: tuple[str | int, ...], new: Any) -> Any:
    if not at:
        return new
    changed = copy.deepcopy(document)
    inner = changed
    for part in at[:-1]:
        inner = inner[part]
    inner[at[-1]] = new
    return changed


def cases() -> Iterator[Any]:
    for file, text in FILES.items():
        for at in pointers(yaml.safe_load(text)):
            yield pytest.param(file, at, id=f"{Path(file).stem}-{'.'.join(map(str, at))}")


def faults_of(root: Path, file: str) -> tuple[Diagnostic, ...]:
    if file != "workspace.yaml":
        return read_federation(root).faults
    try:
        read_locations(root)
    except DefinitionError as error:
        return error.diagnostics
    return ()


def write(root: Path, file: str, text: str) -> None:
    for name, right in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text if name == file else right)


def test_right_files_have_no_fault(tmp_path: Path) -> None:
    write(tmp_path, "", "")
    assert not read_federation(tmp_path).faults
    assert [location.name for location in read_locations(tmp_path)] == ["shop"]


@pytest.mark.parametrize(("file", "at"), cases())
def test_another_type_is_a_fault_in_its_file(tmp_path: Path, file: str, at: tuple[str | int, ...]) -> None:
    document = yaml.safe_load(FILES[file])
    was = document
    for part in at:
        was = was[part]
    for new in OTHERS:
        if type(new) is type(was):
            continue
        write(tmp_path, file, yaml.safe_dump(replaced(document, at, new)))
        found = faults_of(tmp_path, file)
        told = f"{file} at {at} is {new!r}: {found}"
        assert {fault.place.path.name for fault in found if fault.place} <= {Path(file).name}, told
        assert {fault.code for fault in found} <= {"G406", "D070"}, told
        nothing = new in ([], {}) and not (isinstance(was, str) or not at)
        either = "of" in at[:-1] and new in ("words", ["words"], [])  # one word, several, or no filter
        assert found or nothing or either or at[-1] in FREE_TEXT or at[-3:-1] == ("members", 0), told
