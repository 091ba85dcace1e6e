"""The files of a new domain, and its entries in the shared files of the mesh."""

from __future__ import annotations

import keyword
import re
import sys
import tomllib
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from platform_core.authoring.domain.lock import LOCK, lock_of
from platform_core.authoring.product.scaffold import reserved
from platform_core.diagnostics import UsageError
from platform_core.settings import WORKSPACE
from platform_core.source.dg_workspace import DG
from platform_core.source.entries import with_member, with_project
from platform_core.source.federation import Federation
from platform_core.words import slug

LONGEST: Final = 40
_LAKES: Final = {"main", "memory", "system", "temp", "tests", "files", "pg_catalog", "information_schema"}
"""Names of DuckDB, and of sources: a product and a source cannot have the same name."""
_SECTIONS: Final = {
    "governance/teams.yaml": "teams",
    "governance/mesh.yaml": "representatives",
    WORKSPACE: "load_from",
}


def require_new(root: Path, domain: str, team: str, known: Collection[str], federation: Federation) -> None:
    """Raise UsageError U067 for a name that a domain or team cannot have, U066 for one that exists."""
    example = f"lower-case letters, digits and _, at most {LONGEST}, such as travel"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", domain) or len(domain) > LONGEST:
        raise UsageError.of("U067", f'"{domain}" is not a valid name of a domain', expected=example)
    # A package of this name would hide another one; a lake of this name would need quotes in SQL.
    taken = keyword.iskeyword(domain) or domain in sys.stdlib_module_names or domain in reserved()
    if taken or domain in _LAKES or domain.endswith("_restricted") or _installed(root, domain):
        message = f'the name "{domain}" is reserved: Python, SQL or an installed package has it'
        raise UsageError.of("U067", message, expected=example, fix="Choose another name.")
    if slug(team, "-") != team or len(team) > LONGEST:
        example = f"lower-case letters, digits and -, at most {LONGEST}, such as travel-analytics"
        raise UsageError.of("U067", f'"{team}" is not a valid name of a team', expected=example)
    places = [root / "domains" / domain, root / "dbt_projects" / domain]
    if domain in known or any(place.exists() for place in places):
        fix = f"Choose another name, or see what it holds: `mesh remove domain {domain}`"
        raise UsageError.of("U066", f'the domain "{domain}" exists', None, "the name of a new domain", fix)
    if (found := federation.teams.get(team)) is not None:
        of = f" of the domain {found.domain}" if found.domain else ""
        message, expected = f'the team "{team}"{of} exists', "a new team, which owns the domain's products"
        raise UsageError.of("U066", message, found.place, expected, "Choose another name for the team.")
    if domain in federation.representatives:
        message = f'governance/mesh.yaml has representatives of "{domain}"'
        fix = f"Remove what is left of it: `mesh remove domain {domain}`"
        raise UsageError.of("U066", message, None, "the name of a new domain", fix)


def _installed(root: Path, name: str) -> bool:
    """Whether a package of the tools has the name. One of a former domain may be left in a folder."""
    found = find_spec(name)
    return found is not None and not str(found.origin or root / "domains").startswith(str(root / "domains"))


def domain_files(root: Path, domain: str, team: str, dbt: bool, federation: Federation) -> dict[Path, str]:
    """The text of each file, first those of the domain, last the shared ones with their new entries.

    The lock is left out where no other domain has the packages of the new one.
    """
    template = tomllib.loads(Path(__file__).with_name("template.toml").read_text(encoding="utf-8"))
    host = (federation.email_domains or ("example.com",))[0]
    words = {"domain": domain, "dashed": domain.replace("_", "-"), "team": team, "host": host}
    words |= {"title": team.replace("-", " ").capitalize(), "extras": "dagster,dbt" if dbt else "dagster"}

    def filled(text: str) -> str:
        return re.sub(rf"\{{({'|'.join(words)})\}}", lambda found: words[found[1]], text)

    files = template["files"] | (template["dbt"] if dbt else {})
    texts = {root / filled(path): filled(text) for path, text in files.items()}
    if (lock := lock_of(root, dbt)) is not None:
        texts[root / "domains" / domain / LOCK] = lock
    if (dg := root / DG).exists():
        texts[dg] = with_project(dg, dg.read_text(encoding="utf-8"), f"domains/{domain}")
    for name, block in template["entries"].items():
        path = root / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        texts[path] = with_member(path, text, _SECTIONS[name], filled(block))
    return texts
