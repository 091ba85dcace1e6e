"""What a user may change in Dagster's UI: the webserver and its context, with Dagster's non-public API.

There are two layers. Dagster's own permissions make the UI grey its buttons. The wall is a check before the
resolver of every mutation: GraphQL has resolved its arguments then, whatever the form of the document. A
mutation or a route that is not in a table here is refused; ``tests/pins/test_dagster_webserver.py`` compares
the tables with the installed Dagster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.permissions import PermissionResult, Permissions
from dagster_webserver.webserver import DagsterWebserver
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from platform_core.diagnostics import Diagnostic
from platform_core.workspace.serve.visitors import HEALTH, USER, User

Rule = Literal["anybody", "owners", "platform"]
"""``owners``: the arguments name locations, runs, assets, backfills, sensors or schedules, and all are of
locations that the user may change."""

MUTATIONS: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(("logTelemetry", "setNuxSeen"), "anybody"),
    **dict.fromkeys(
        (
            "launchPipelineExecution", "launchRun", "launchMultipleRuns", "launchPipelineReexecution",
            "launchRunReexecution", "terminatePipelineExecution", "terminateRun", "terminateRuns",
            "launchPartitionBackfill", "resumePartitionBackfill", "cancelPartitionBackfill",
            "reexecutePartitionBackfill", "startSchedule", "stopRunningSchedule", "resetSchedule",
            "startSensor", "stopSensor", "resetSensor", "setSensorCursor", "sensorDryRun", "scheduleDryRun",
            "reloadRepositoryLocation", "addDynamicPartition",
        ),
        "owners",
    ),
    **dict.fromkeys(
        (
            "deletePipelineRun", "deleteRun", "reloadWorkspace", "shutdownRepositoryLocation", "wipeAssets",
            "reportRunlessAssetEvents", "reportAssetCheckEvaluations", "deleteDynamicPartitions",
            "setAppManagedComponent", "deleteAppManagedComponent", "refreshComponentState",
            "setAutoMaterializePaused", "setConcurrencyLimit", "deleteConcurrencyLimit",
            "freeConcurrencySlotsForRun", "freeConcurrencySlots",
        ),
        "platform",
    ),
}  # fmt: skip
PLATFORM: Final = (
    Permissions.DELETE_PIPELINE_RUN,
    Permissions.WIPE_ASSETS,
    Permissions.REPORT_RUNLESS_ASSET_EVENTS,
    Permissions.EDIT_APP_MANAGED_COMPONENTS,
    Permissions.REFRESH_COMPONENT_STATE,
)
"""Dagster's permissions for a location that its domain does not have."""
ROUTES: Final = (
    HEALTH, "/dagit_info", "/graphql", "/logs/{path:path}", "/download_debug/{run_id:str}", "/{path:path}",
    "/",
)  # fmt: skip
"""The routes for users; without reports of what never ran, and without notebooks, which are scripts."""
_NOT_ALLOWED: Final = PermissionResult(enabled=False, disabled_reason="Only for the platform team")
_NOBODY: Final = User("nobody")


class _Refused(GraphQLError):
    """A mutation that the user may not run."""


class Context(WorkspaceRequestContext):
    """The context of a request, with the permissions of its user."""

    def permissions_for_location(self, *, location_name: str) -> Mapping[str, PermissionResult]:
        found = super().permissions_for_location(location_name=location_name)
        return {**found, **dict.fromkeys(PLATFORM, _NOT_ALLOWED)} if self.read_only else found


class Process(WorkspaceProcessContext):
    """Dagster's workspace, whose requests have users."""

    def create_request_context(self, source: Any | None = None) -> Context:
        user, workspace = _user(source), self.get_current_workspace()
        return Context(
            instance=self.instance,
            current_workspace=workspace,
            process_context=self,
            version=self.version,
            source=source,
            read_only=not user.platform,
            read_only_locations={name: not user.may_change(name) for name in workspace.code_location_entries},
        )


class Server(DagsterWebserver[Process, Context]):
    """Dagster's webserver, which serves known routes and checks every mutation."""

    def build_graphql_schema(self) -> Any:
        schema = super().build_graphql_schema()
        for name, field in schema.graphql_schema.mutation_type.fields.items():
            field.resolve = partial(_checked, name, field.resolve)
        return schema

    def build_routes(self) -> list[BaseRoute]:
        routes: list[BaseRoute] = super().build_routes()  # type: ignore[no-untyped-call]
        return [_known(route) for route in routes]

    def handle_graphql_errors(self, errors: Sequence[GraphQLError]) -> list[Any]:
        # Without the original error, whose stack trace the UI would show.
        plain = [
            GraphQLError(error.message, error.nodes, path=error.path) if _is_refusal(error) else error
            for error in errors
        ]
        found: list[Any] = super().handle_graphql_errors(plain)
        return found

    def _determine_status_code(
        self, resolver_errors: list[GraphQLError] | None, captured_errors: list[Exception]
    ) -> int:
        if any(map(_is_refusal, resolver_errors or ())):
            return 403
        return super()._determine_status_code(resolver_errors, captured_errors)


def _is_refusal(error: GraphQLError) -> bool:
    return isinstance(error.original_error, _Refused)


def _user(source: Any | None) -> User:
    """The user whom the gate named; without one, as in a context that Dagster makes by itself, nobody."""
    found = getattr(source, "scope", {}).get(USER)
    return found if isinstance(found, User) else _NOBODY


def _known(route: BaseRoute) -> BaseRoute:
    """A route, or one that refuses where it is not in the table."""
    static = isinstance(route, Mount) and isinstance(route.app, StaticFiles)
    if static or getattr(route, "name", "") == "root_static" or getattr(route, "path", "") in ROUTES:
        return route
    assert isinstance(route, Route | Mount | WebSocketRoute), route
    return Route(route.path, _refuse, methods=["GET", "HEAD", "POST"])


def _refuse(request: Request) -> PlainTextResponse:
    fault = Diagnostic(
        "E052", f"the path {request.url.path} is not open to users", expected="a page of the UI"
    )
    return PlainTextResponse(fault.render() + "\n", 403)


def _checked(name: str, resolve: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
    context, rule = info.context, MUTATIONS.get(name, "platform")
    user = _user(context.source)
    if not (user.platform and name in MUTATIONS) and rule != "anybody":
        found = set(_locations(name, context, arguments)) if rule == "owners" else set()
        allowed = [location for location in found if location is not None and user.may_change(location)]
        if not found or len(allowed) < len(found):
            whose = ", ".join(sorted(filter(None, found))) or "the whole mesh"
            expected = "a user of the platform team" if rule == "platform" else "a user of the domain's team"
            message = f"{user.name} may not run {name} for {whose}"
            raise _Refused(Diagnostic("E052", message, expected=expected).render())
    return resolve(source, info, **arguments)


def _locations(name: str, context: Context, arguments: Any) -> Iterator[str | None]:
    """The locations of everything that the arguments name; None for what is not known."""
    for key, value in _named(arguments):
        if isinstance(value, Mapping):
            yield _of_asset(context, dg.AssetKey(value["path"]))
            continue
        match key.replace("_", "").lower():
            case "repositorylocationname":
                yield value
            case "parentrunid" if name == "reexecutePartitionBackfill":
                yield from _of_backfill(context, value)
            case "runid" | "runids" | "parentrunid" | "rootrunid":
                run = context.instance.get_run_by_id(value)
                yield run.remote_job_origin.location_name if run and run.remote_job_origin else None
            case "backfillid":
                yield from _of_backfill(context, value)
            case "id" | "joboriginid" | "jobselectorid" | "scheduleoriginid" | "scheduleselectorid":
                known = _instigators(context)
                yield from (known.get(each) for each in value.split("::"))


def _named(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Texts by the keys of their objects, and keys of assets, which are objects with a path. Configuration of
    runs is left out: it names nothing that Dagster looks up."""
    if isinstance(value, Mapping) and "path" not in value:
        for name, each in value.items():
            if name != "runConfigData":
                yield from _named(each, name)
    elif isinstance(value, list | tuple):
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
        return
    if backfill.partition_set_origin is not None:
        yield backfill.partition_set_origin.repository_origin.code_location_origin.location_name
    for key in backfill.asset_selection or ():
        yield _of_asset(context, key)


def _instigators(context: Context) -> dict[str, str]:
    """The locations of sensors and schedules by their two ids."""
    found: dict[str, str] = {}
    for location in context.code_locations:
        for repository in location.get_repositories().values():
            instigators: list[Any] = [*repository.get_sensors(), *repository.get_schedules()]
            for each in instigators:
                found |= dict.fromkeys((each.get_remote_origin_id(), each.selector_id), location.name)
    return found
