"""The rights of users in Dagster's UI: its webserver and context, with Dagster's non-public API.

Dagster's own permissions make the UI grey its buttons. The wall is a check before the resolver of every
mutation: GraphQL has resolved its arguments then, whatever the form of the document.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.permissions import PermissionResult
from dagster_webserver.webserver import DagsterWebserver
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from platform_core.diagnostics import Diagnostic
from platform_core.workspace.serve.visitors import USER, User

RIGHTS: Final[Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_name("ui_rights.toml").read_text("utf-8")
)
RULES: Final[Mapping[str, str]] = {
    name: rule for rule, names in RIGHTS["mutations"].items() for name in names
}
_PLATFORM: Final = PermissionResult(enabled=False, disabled_reason="Only for the platform team")


class _Refused(GraphQLError):
    """A mutation that the user may not run."""


class Context(WorkspaceRequestContext):
    def permissions_for_location(self, *, location_name: str) -> Mapping[str, PermissionResult]:
        found = super().permissions_for_location(location_name=location_name)
        platform = dict.fromkeys(RIGHTS["permissions"]["platform"], _PLATFORM)
        return {**found, **platform} if self.read_only else found


class Process(WorkspaceProcessContext):
    """Dagster's workspace, whose requests have users."""

    def create_request_context(self, source: Any | None = None) -> Context:
        user, workspace = _user(source), self.get_current_workspace()
        closed = {name: not user.may_change(name) for name in workspace.code_location_entries}
        return Context(self.instance, workspace, self, self.version, source, not user.platform, closed)


class Server(DagsterWebserver[Process, Context]):
    """Dagster's webserver, which serves known routes and checks every mutation."""

    def build_graphql_schema(self) -> Any:
        schema = super().build_graphql_schema()
        for name, field in schema.graphql_schema.mutation_type.fields.items():
            field.resolve = partial(_checked, name, field.resolve)
        return schema

    def build_routes(self) -> list[BaseRoute]:
        routes: list[Any] = super().build_routes()  # type: ignore[no-untyped-call]
        return [route if _is_open(route) else Route(route.path, _refuse) for route in routes]

    def _determine_status_code(self, resolver_errors: Any, captured_errors: list[Exception]) -> int:
        if any(isinstance(error, _Refused) for error in resolver_errors or ()):
            return 403
        return super()._determine_status_code(resolver_errors, captured_errors)


def application(process: Process, live_data_poll_rate: int) -> Starlette:
    return Server(process, live_data_poll_rate=live_data_poll_rate).create_asgi_app()


def _user(source: Any | None) -> User:
    """The user whom the gate named; nobody in a context that Dagster makes by itself."""
    found: User = getattr(source, "scope", {}).get(USER, User("nobody"))
    return found


def _is_open(route: Any) -> bool:
    static = isinstance(route, Mount) and isinstance(route.app, StaticFiles)
    return static or route.name == "root_static" or route.path in RIGHTS["routes"]["users"]


def _refuse(_: Any) -> PlainTextResponse:
    fault = Diagnostic("E052", "this path is not open to users", expected="a page of the UI")
    return PlainTextResponse(fault.render() + "\n", 403)


def _checked(name: str, resolve: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
    user, rule = _user(info.context.source), RULES.get(name, "nobody")
    found = set(_locations(name, info.context, arguments)) if rule == "owners" else set()
    owned = bool(found) and all(each is not None and user.may_change(each) for each in found)
    if not (owned or rule == "anybody" or (user.platform and rule != "nobody")):
        whose = ", ".join(sorted(filter(None, found))) or "the mesh"
        team = "the platform team" if rule == "platform" else "the domain's team, or of the platform team"
        fault = Diagnostic(
            "E052", f"{user.name} may not run {name} for {whose}", expected=f"a user of {team}"
        )
        # With a path, the answer has this error itself, and no stack trace.
        raise _Refused(fault.render(), path=info.path.as_list())
    return resolve(source, info, **arguments)


def _locations(name: str, context: Context, arguments: Any) -> Iterator[str | None]:
    """The locations of everything that the arguments name; None for what is not known."""
    for key, value in _named(arguments):
        match key.replace("_", "").lower():
            case "path":
                yield _of_asset(context, dg.AssetKey(value))
            case "repositorylocationname":
                yield value
            case "backfillid":
                yield from _of_backfill(context, value)
            case "parentrunid" if name == "reexecutePartitionBackfill":
                yield from _of_backfill(context, value)
            case "runid" | "runids" | "parentrunid" | "rootrunid":
                run = context.instance.get_run_by_id(value)
                yield run.remote_job_origin.location_name if run and run.remote_job_origin else None
            case "id" | "joboriginid" | "jobselectorid" | "scheduleoriginid" | "scheduleselectorid":
                known = dict(_instigators(context))
                yield from (known.get(each) for each in value.split("::"))


def _named(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Values by the keys of their objects; configuration of runs names nothing that Dagster looks up."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _named(each, name) if name != "runConfigData" else ()
    elif isinstance(value, list) and key != "path":
        for each in value:
            yield from _named(each, key)
    elif value is not None:
        yield key, value


def _of_asset(context: Context, key: dg.AssetKey) -> str | None:
    graph = context.asset_graph
    return graph.get_repository_handle(key).location_name if graph.has(key) else None


def _of_backfill(context: Context, backfill_id: str) -> Iterator[str | None]:
    backfill = context.instance.get_backfill(backfill_id)
    if backfill is None:
        yield None
    elif backfill.partition_set_origin is not None:
        yield backfill.partition_set_origin.repository_origin.code_location_origin.location_name
    else:
        yield from (_of_asset(context, key) for key in backfill.asset_selection or ())


def _instigators(context: Context) -> Iterator[tuple[str, str]]:
    """The ids of sensors and schedules, of which each has two, with their locations."""
    for location in context.code_locations:
        for repository in location.get_repositories().values():
            for each in (*repository.get_sensors(), *repository.get_schedules()):
                yield each.get_remote_origin_id(), location.name  # type: ignore[attr-defined]
                yield each.selector_id, location.name  # type: ignore[attr-defined]
