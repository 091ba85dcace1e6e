"""``mesh deploy compose``: a compose file made from the workspace and its deployment file."""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from platform_core.cli.exit_status import OK
from platform_core.cli.grammar import one_of
from platform_core.deployment.file import current_deployment
from platform_core.deployment.model import Credential, DeploymentError
from platform_core.diagnostics import Place
from platform_core.settings import SECRETS, mesh_root
from platform_core.source.workspace import read_locations
from platform_core.words import listed
from platform_core.workspace.hosts.instance_settings import PASSWORD
from platform_core.workspace.processes.start import names_of


def arguments(parser: argparse.ArgumentParser) -> None:
    known = one_of("ACTION", ("compose",))
    parser.add_argument("action", type=known, metavar="ACTION", help="compose: print a compose file")
    prefix = "the begin of the names of images; default: mesh-"
    parser.add_argument("--image-prefix", default="mesh-", metavar="PREFIX", help=prefix)


def run(options: argparse.Namespace) -> int:
    root, deployment = mesh_root(), current_deployment()
    locations, servers = read_locations(root), deployment.servers if deployment else None
    lacking = [each.name for each in locations if servers is None or not servers.domains.get(each.name)]
    if deployment is None or servers is None or servers.ui is None or lacking:
        message = f"the deployment names no server of {listed(lacking or ['ui'])}"
        fix = "Set MESH_DEPLOYMENT to a file as docs/deploy.md shows it."
        place = Place(deployment.path) if deployment else None
        raise DeploymentError.of("E060", message, place, "servers with ui and domains", fix)
    texts = tomllib.loads(Path(__file__).with_name("compose.toml").read_text(encoding="utf-8"))
    lakes = deployment.lakes
    password = _variables(deployment.instance.credential) if deployment.instance else []
    own = _references(password, PASSWORD)
    printed = [texts["head"].format(file=_text(str(deployment.path)), password=own)]
    networks = {each.name: _text(f"code-{each.name}") for each in locations}
    volumes = {each.name: _text(f"keys-{each.name}") for each in locations}
    taken = {"daemon", "metrics"}
    for location in (*locations, None):
        words, secrets = [], ""
        if location is not None:
            words = ["--module-name", location.module, "--location-name", location.name]
            words += ["--attribute", location.attribute] if location.attribute else []
            named = [name for name in names_of(location.name, root) if name.startswith(SECRETS)]
            credential = lakes.credentials.get(location.name) if lakes else None
            secrets = _references(sorted({*named, *_variables(credential)}))
        for address in servers.domains[location.name] if location is not None else (servers.ui,):
            if address.host in taken or not address.host.replace("-", "").replace("_", "").isalnum():
                message = f"{address} is not an address of a service of its own"
                fix = "Give each server another name, such as sales-1: compose resolves it."
                raise DeploymentError.of("E061", message, address.place, "a name without dots", fix)
            taken.add(address.host)
            text = texts["platform" if location is None else "code_server"]
            name = "platform" if location is None else location.name
            printed.append(
                text.format(
                    host=address.host,
                    port=address.port,
                    image=_text(options.image_prefix + name),
                    location=_text(name),
                    words=", ".join(map(_text, words)),
                    secrets=secrets,
                    network=networks.get(name),
                    networks=", ".join(networks.values()),
                    volume=volumes.get(name),
                )
            )
    printed.append(texts["tail"].format(networks=_made(networks), volumes=_made(volumes)))
    print("".join(printed), end="")
    return OK


def _text(value: str) -> str:
    """A text of YAML in which compose replaces nothing."""
    return json.dumps(value.replace("$", "$$"))


def _made(names: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {{}}" for name in names.values())


def _variables(credential: Credential | None) -> list[str]:
    known = (credential.password, credential.secret, credential.session_token) if credential else ()
    return [each["env"] for each in known if each is not None and not isinstance(each, str) and "env" in each]


def _references(names: Iterable[str], as_name: str | None = None) -> str:
    return "".join(f"\n{'  ' if as_name else '      '}{as_name or name}: ${{{name}:?}}" for name in names)
