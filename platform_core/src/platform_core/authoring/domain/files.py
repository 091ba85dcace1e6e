"""The files of a new domain, and its entries in the shared files of the mesh."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from platform_core.authoring.domain.entries import DG, with_member, with_project
from platform_core.authoring.domain.lock import LOCK, lock_of
from platform_core.authoring.scaffold import reserved
from platform_core.diagnostics import UsageError
from platform_core.settings import WORKSPACE
from platform_core.source.federation import Federation
from platform_core.words import slug

LONGEST: Final = 40
_LAKES: Final = {"main", "memory", "system", "temp", "tests"}
_PYPROJECT: Final = """\
[build-system]
requires = ["flit_core>=3.12"]
build-backend = "flit_core.buildapi"

[project]
name = "mesh-{dashed}"
version = "0.1.0"
description = "The products, contracts and tests of the {domain} domain."
requires-python = ">=3.11"
dependencies = ["platform-core{extra}"]

[project.optional-dependencies]
test = ["pytest>=8"]
build = ["flit_core>=3.12"]

[tool.uv.sources]
platform-core = {{ path = "../../platform_core", editable = true }}

# What `dg` reads.
[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "{domain}"
code_location_name = "{domain}"
code_location_target_module = "{domain}.definitions"

[tool.flit.module]
name = "{domain}"

# Its own settings, so that pytest looks for nothing outside of this folder.
[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["tests"]
addopts = ["-ra", "--import-mode=importlib", "--strict-config", "--strict-markers"]
markers = ["full: takes long or is of a rare kind; `make test` leaves it to `make test-full`"]
xfail_strict = true
"""
_DEFINITIONS: Final = """\
from platform_core import domain_definitions

defs = domain_definitions("{domain}")
"""
_CONFTEST: Final = '''\
"""Every policy of the mesh is a test of this domain too."""

pytest_plugins = ["platform_core.conformance"]
'''
_TEAM: Final = """\
  {team}:
    name: {title}
    domain: {domain}
    email: {team}@{host}
    channels:
      - {{channel: "#{team}", tool: slack}}
    members:
      - {{role: product owner, email: {team}-owner@{host}}}
"""
_REPRESENTATIVE: Final = "  {domain}: [{team}-owner@{host}]\n"
_LOCATION: Final = """\
  - python_module:
      module_name: {domain}.definitions
      location_name: {domain}
      executable_path: domains/{domain}/.venv/bin/python
"""
_DBT_PROJECT: Final = """\
name: {domain}
version: 1.0.0
config-version: 2
# The platform writes the profile at run time: its database is the lake of the domain.
profile: {domain}
model-paths: [models]
macro-paths: [macros]

flags:
  send_anonymous_usage_stats: false

models:
  {domain}:
    # Built beside the products, and published as one of them once the contract's rules hold.
    +schema: staging
    +materialized: table
"""
_DBT_MACRO: Final = """\
{# A model goes to the schema it names: dbt alone would put the profile's schema in front of it. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema if custom_schema_name is none else custom_schema_name | trim }}
{%- endmacro %}
"""
_DBT_SOURCES: Final = """\
# Products of the mesh that the models read. Their columns are documented in their contracts.
sources: []
"""


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
        message, place = f'governance/mesh.yaml has representatives of "{domain}"', None
        fix = f"Remove what is left of it: `mesh remove domain {domain}`"
        raise UsageError.of("U066", message, place, "the name of a new domain", fix)


def _installed(root: Path, name: str) -> bool:
    """Whether a package of the tools has the name. One of a former domain may be left in a folder."""
    found = find_spec(name)
    return found is not None and not str(found.origin or root / "domains").startswith(str(root / "domains"))


def domain_files(root: Path, domain: str, team: str, dbt: bool, federation: Federation) -> dict[Path, str]:
    """The text of each file, first those of the domain, last the shared ones with their new entries.

    The lock is left out where no other domain has the packages of the new one.
    """
    folder, package = root / "domains" / domain, root / "domains" / domain / "src" / domain
    title = team.replace("-", " ").capitalize()
    hosts = federation.email_domains or ("example.com",)
    names = {"domain": domain, "dashed": domain.replace("_", "-"), "team": team, "title": title}
    names |= {"host": hosts[0], "extra": "[dbt]" if dbt else ""}
    texts = {
        folder / "pyproject.toml": _PYPROJECT.format(**names),
        package / "__init__.py": f'"""The {domain} domain."""\n',
        package / "definitions.py": _DEFINITIONS.format(**names),
        folder / "tests" / "conftest.py": _CONFTEST,
        folder / "contracts" / ".gitkeep": "",
    }
    if (lock := lock_of(root, dbt)) is not None:
        texts[folder / LOCK] = lock
    if dbt:
        project = root / "dbt_projects" / domain
        texts[project / "dbt_project.yml"] = _DBT_PROJECT.format(**names)
        texts[project / "macros" / "generate_schema_name.sql"] = _DBT_MACRO
        texts[project / "models" / "sources.yml"] = _DBT_SOURCES
    if (dg := root / DG).exists():
        texts[dg] = with_project(dg, dg.read_text(encoding="utf-8"), f"domains/{domain}")
    governance = root / "governance"
    for path, section, block in (
        (governance / "teams.yaml", "teams", _TEAM),
        (governance / "mesh.yaml", "representatives", _REPRESENTATIVE),
        (root / WORKSPACE, "load_from", _LOCATION),
    ):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        texts[path] = with_member(path, text, section, block.format(**names))
    return texts
