"""Write ``.github/CODEOWNERS`` from the contracts and ``governance/teams.yaml``.

    python scripts/codeowners.py            write it
    python scripts/codeowners.py --check    fail where it differs from what would be written

The owner of a product owns its contract and the file that makes it. The teams of a domain own its folders,
and the central team owns everything else. A team is the name in its channel whose tool is ``github``, such
as ``@your-company/sales-analytics``, else the addresses of its members, else its own address.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from platform_core.diagnostics import render
from platform_core.governance.facts import MeshFacts
from platform_core.settings import mesh_root
from platform_core.source.federation import Federation, read_federation
from platform_core.source.workspace import read_locations
from platform_core.words import slug
from platform_core.workspace.introspection.cache import introspect

CODEOWNERS = Path(".github/CODEOWNERS")
COMMAND = ".venv/bin/python scripts/codeowners.py"
HEAD = (
    f"# Made by `{COMMAND}` from the contracts and governance/teams.yaml.",
    "# The last pattern that matches a file counts.",
)
DOMAIN_FOLDERS = ("domains", "dbt_projects", "governance/changes")


def names(owner: str, federation: Federation) -> tuple[str, ...]:
    """The names of an owner on GitHub; none for a team that teams.yaml does not have."""
    if "@" in owner:
        return (owner,)
    team = federation.teams.get(slug(owner, "-"))
    if team is None:
        return ()
    handles = tuple(channel.name for channel in team.channels if channel.tool == "github")
    return handles or team.members or ((team.email,) if team.email else ())


def owners(mesh: MeshFacts, root: Path) -> Iterator[tuple[str, list[str]]]:
    """The patterns with their owners, the general ones first."""
    federation = mesh.federation
    if federation.central_team:
        yield "*", [federation.central_team]
    domains = sorted({location.domain for location in mesh.locations})
    for domain in domains:
        teams = [team.slug for team in federation.teams.values() if team.domain == domain]
        for folder in DOMAIN_FOLDERS:
            yield f"/{folder}/{domain}/", teams
    files: dict[str, list[str]] = {}
    for name, product in sorted(mesh.products.items()):
        factory = mesh.factories.get(name)
        if product.domain not in domains or product.owner is None:
            continue
        for path in (product.path, factory.place.path if factory is not None else None):
            if path is not None and path.is_relative_to(root):
                of_file = files.setdefault(path.relative_to(root).as_posix(), [])
                of_file += [product.owner] * (product.owner not in of_file)
    yield from ((f"/{file}", found) for file, found in sorted(files.items()))


def written(mesh: MeshFacts, root: Path) -> str:
    """The text of the file."""
    lines = []
    for pattern, of_pattern in owners(mesh, root):
        found = dict.fromkeys(name for owner in of_pattern for name in names(owner, mesh.federation))
        if found:
            lines.append(f"{pattern.replace(' ', chr(92) + ' ')} {' '.join(found)}")
    return "\n".join((*HEAD, *lines, ""))


def main() -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    root = mesh_root().resolve()
    mesh = MeshFacts(introspect(root, read_locations(root)), read_federation(root))
    faults = [fault for each in mesh.locations for fault in each.faults if fault.severity == "error"]
    if faults or mesh.federation.faults:
        print(render(dict.fromkeys([*faults, *mesh.federation.faults])), file=sys.stderr)
        return 1
    file, text = root / CODEOWNERS, written(mesh, root)
    if not check:
        file.write_text(text, "utf-8")
        return 0
    if file.is_file() and file.read_text("utf-8") == text:
        return 0
    message = f"{CODEOWNERS} differs from the owners in the contracts"
    print(f"{message}: call `{COMMAND}` and commit it.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
