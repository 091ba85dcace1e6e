"""``mesh grant``: the rights of the contracts on the servers of a deployment."""

from __future__ import annotations

import argparse
import json

from platform_core.cli.exit_status import FAILED, OK
from platform_core.cli.grammar import one_of
from platform_core.cli.output import answer
from platform_core.deployment.model import ADMIN
from platform_core.diagnostics import UsageError
from platform_core.extras import missing
from platform_core.lake.lakes import current_lakes
from platform_core.lake.local.lakes import LocalLakes
from platform_core.registry.lookup import Registry
from platform_core.settings import PRINCIPAL, mesh_root, set_variables
from platform_core.words import counted

ACTIONS = ("plan", "apply", "check")


def arguments(parser: argparse.ArgumentParser) -> None:
    words = "plan (default) prints the differences, apply removes them, check fails if there are any"
    parser.add_argument(
        "action", nargs="?", type=one_of("ACTION", ACTIONS), default="plan", metavar="ACTION", help=words
    )
    parser.add_argument("--policies", action="store_true", help="also print the policies of the object store")


def run(options: argparse.Namespace) -> int:
    if PRINCIPAL.text() is None:
        set_variables({PRINCIPAL.name: ADMIN})
    elif PRINCIPAL.text() != ADMIN:
        message = f"mesh grant uses the credentials {ADMIN}, and {PRINCIPAL.name} is {PRINCIPAL.text()}"
        raise UsageError.of("E016", message, None, ADMIN, f"Leave {PRINCIPAL.name} out.")
    root = mesh_root()
    registry, location = Registry.open(root), current_lakes(root)
    if isinstance(location, LocalLakes):
        message = "the lakes are on this machine: contracts alone decide who may read"
        raise UsageError.of("E004", message, None, "a deployment file with lakes", "Set MESH_DEPLOYMENT.")
    try:
        from platform_core.access.server.plan import apply, plan
        from platform_core.access.server.rights import rights_of, store_policies
        from platform_core.lake.remote.lakes import RemoteLakes
    except ModuleNotFoundError as error:
        raise missing(error) from None
    assert isinstance(location, RemoteLakes)
    lakes = location.lakes
    rights = rights_of(registry, lakes)
    steps = apply(location, rights) if options.action == "apply" else plan(lakes, rights)
    facts = {
        "action": options.action,
        "steps": [{"step": step.words, "sql": step.sql} for step in steps],
        "policies": store_policies(rights, lakes),
    }

    def show() -> None:
        done = "done" if options.action == "apply" else "to do"
        for step in steps:
            print(f"{done}: {step.words}")
        print(f"{counted(len(steps), 'difference')} between {lakes.catalogs.address} and the contracts")
        if options.policies:
            print(json.dumps(facts["policies"], indent=2))

    status = answer(options, root, facts, show)
    return FAILED if steps and options.action == "check" else status or OK
