"""Every mutation of Dagster's schema, sent by an outsider, a member of a team and the platform team."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus
from dagster_graphql.schema import create_schema
from graphql import GraphQLField, GraphQLInputObjectType, get_named_type, is_leaf_type
from workspace.serve.ui_mesh import MEMBER, OUTSIDER, PLATFORM, Headers, Ui, serving

from platform_core.workspace.serve.permissions import RULES

pytestmark = [pytest.mark.full, pytest.mark.scale]

FIELDS: dict[str, GraphQLField] = create_schema().graphql_schema.mutation_type.fields
PLAIN = """mutation {launchRun(executionParams: {selector: {repositoryLocationName: "NAME", repositoryName:
"__repository__", jobName: "__ASSET_JOB", assetSelection: [{path: ["NAME", "plain"]}]}, runConfigData: {}})
{... on LaunchRunSuccess {run {runId}} ... on PythonError {message} ... on UnauthorizedError {message}}}"""
BACKFILL = """mutation {launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["NAME", "parts"]}],
partitionNames: ["a"]}) {... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
IDS = """{sensorsOrError(repositorySelector: SELECTOR) {... on Sensors {results {name id sensorState {id}}}}
schedulesOrError(repositorySelector: SELECTOR) {... on Schedules {results {id scheduleState {id}}}}}"""
COUNTS = """{runsOrError {... on Runs {results {id}}}
partitionBackfillsOrError {... on PartitionBackfills {results {id}}}}"""


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with serving(tmp_path_factory.mktemp("ui")) as found:
        yield found


@pytest.fixture(scope="module")
def ids(ui: Ui) -> dict[str, dict[str, str]]:
    """Real ids of each location: a run, a backfill of an asset, a sensor and a schedule."""
    found = {}
    for name in ("sales", "hr"):
        selector = f'{{repositoryLocationName: "{name}", repositoryName: "__repository__"}}'
        instigators = done(ui, IDS.replace("SELECTOR", selector))
        sensor = next(s for s in instigators["sensorsOrError"]["results"] if s["name"] == "watching")
        found[name] = {
            "run": done(ui, PLAIN.replace("NAME", name))["launchRun"]["run"]["runId"],
            "backfill": done(ui, BACKFILL.replace("NAME", name))["launchPartitionBackfill"]["backfillId"],
            "sensor": sensor["id"],
            "sensor state": sensor["sensorState"]["id"],
            "ended": ended(
                ui, done(ui, BACKFILL.replace("NAME", name))["launchPartitionBackfill"]["backfillId"]
            ),
            "schedule": instigators["schedulesOrError"]["results"][0]["scheduleState"]["id"],
        }
    return found


def ended(ui: Ui, backfill_id: str) -> str:
    """A backfill that the daemon has canceled."""
    with dg.DagsterInstance.from_config(str(ui.home)) as instance:
        backfill = instance.get_backfill(backfill_id)
        assert backfill is not None
        instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELED))
    return backfill_id


def done(ui: Ui, query: str, who: Headers = PLATFORM) -> dict[str, Any]:
    status, answer = ui.ask(query, who)
    assert (status, "errors" in answer) == (200, False), answer
    data: dict[str, Any] = answer["data"]
    return data


def test_a_member_of_sales_launches_sales_and_an_outsider_nothing(ui: Ui) -> None:
    assert done(ui, PLAIN.replace("NAME", "sales"), MEMBER)["launchRun"]["run"]["runId"]
    for who, name in ((OUTSIDER, "sales"), (OUTSIDER, "hr"), (MEMBER, "hr")):
        status, answer = ui.ask(PLAIN.replace("NAME", name), who)
        assert (status, answer["data"]) == (403, None)
        assert "E052" in answer["errors"][0]["message"]
        assert "errorInfo" not in str(answer)


def selector(name: str, **more: Any) -> dict[str, Any]:
    return {"repositoryLocationName": name, "repositoryName": "__repository__", **more}


def asset(name: str, which: str = "plain") -> dict[str, Any]:
    return {"path": [name, which]}


def launched(name: str, **metadata: Any) -> dict[str, Any]:
    job = selector(name, jobName="__ASSET_JOB", assetSelection=[asset(name)])
    return {"selector": job, "runConfigData": {}, **({"executionMetadata": metadata} if metadata else {})}


def parts(sensor_id: str) -> tuple[str, str]:
    first, _, second = sensor_id.partition("::")
    return first, second


def arguments(name: str, ids: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The arguments of every mutation, for the things of one location."""
    run, backfill, sensor, schedule = ids["run"], ids["backfill"], ids["sensor state"], ids["schedule"]
    again = {"reexecutionParams": {"parentRunId": run, "strategy": "ALL_STEPS"}}
    names = {"repositorySelector": selector(name), "partitionsDefName": f"names_{name}"}
    at, end = {"sensorSelector": selector(name, sensorName="watching")}, {"runId": run}
    schedules = {"scheduleSelector": selector(name, scheduleName="nightly")}
    component = {"locationName": name, "componentId": "c"}
    return {
        "launchPipelineExecution": {"executionParams": launched(name)},
        "launchRun": {"executionParams": launched(name)},
        "launchMultipleRuns": {"executionParamsList": [launched(name)]},
        "launchPipelineReexecution": {
            "executionParams": launched(name, parentRunId=run, rootRunId=run, tags=[])
        },
        "launchRunReexecution": again,
        "startSchedule": schedules,
        "stopRunningSchedule": {"id": schedule},
        "resetSchedule": schedules,
        "startSensor": at,
        "setSensorCursor": {**at, "cursor": "1"},
        "stopSensor": {"id": sensor},
        "resetSensor": at,
        "sensorDryRun": {"selectorData": selector(name, sensorName="watching"), "cursor": None},
        "scheduleDryRun": {"selectorData": selector(name, scheduleName="nightly"), "timestamp": 1.7e9},
        "terminatePipelineExecution": end,
        "terminateRun": end,
        "terminateRuns": {"runIds": [run]},
        "reloadRepositoryLocation": {"repositoryLocationName": name},
        "launchPartitionBackfill": {
            "backfillParams": {"assetSelection": [asset(name, "parts")], "partitionNames": ["a"]}
        },
        "cancelPartitionBackfill": {"backfillId": backfill},
        "resumePartitionBackfill": {"backfillId": backfill},
        "reexecutePartitionBackfill": {
            "reexecutionParams": {"parentRunId": ids["ended"], "strategy": "ALL_STEPS"}
        },
        "addDynamicPartition": {**names, "partitionKey": "new"},
        "logTelemetry": dict.fromkeys(("action", "clientId", "clientTime", "metadata"), "1"),
        "setNuxSeen": {},
        "deletePipelineRun": end,
        "deleteRun": end,
        "wipeAssets": {"assetPartitionRanges": [{"assetKey": asset(name)}]},
        "reportRunlessAssetEvents": {
            "eventParams": {"eventType": "ASSET_MATERIALIZATION", "assetKey": asset(name)}
        },
        "reportAssetCheckEvaluations": {
            "eventParams": {"assetKey": asset(name), "checkName": "c", "passed": True}
        },
        "deleteDynamicPartitions": {**names, "partitionKeys": ["new"]},
        "setAppManagedComponent": {**component, "componentType": "t", "attributes": "{}"},
        "deleteAppManagedComponent": component,
        "refreshComponentState": {"locationName": name, "defsStateKey": "k"},
        "setAutoMaterializePaused": {"paused": False},
        "setConcurrencyLimit": {"concurrencyKey": "k", "limit": 1},
        "deleteConcurrencyLimit": {"concurrencyKey": "k"},
        "freeConcurrencySlotsForRun": end,
        "freeConcurrencySlots": end,
        "reloadWorkspace": {},
        "shutdownRepositoryLocation": {"repositoryLocationName": name},
    }


def send(ui: Ui, name: str, values: dict[str, Any], who: Headers) -> tuple[int, str]:
    """One mutation with its arguments as variables; returns status and the answer as text."""
    field = FIELDS[name]
    declared = ", ".join(f"${each}: {field.args[each].type}" for each in values)
    given = ", ".join(f"{each}: ${each}" for each in values)
    answer = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    head, call = f"({declared})" if values else "", f"({given})" if values else ""
    status, body = ui.ask(f"mutation {head} {{ {name}{call} {answer} }}", who, **values)
    return status, str(body)


def state(ui: Ui) -> dict[str, Any]:
    return done(ui, COUNTS)


def test_the_table_has_every_mutation_of_the_schema() -> None:
    assert set(RULES) == set(FIELDS)
    assert set(
        arguments("a", dict.fromkeys(("run", "backfill", "ended", "sensor state", "schedule"), ""))
    ) == set(FIELDS)


NOT_HERE = {
    "setAppManagedComponent": 200,
    "deleteAppManagedComponent": 200,
    "shutdownRepositoryLocation": 500,
}
"""Dagster itself refuses the first two, and cannot end a server that it has started."""
HARMLESS = {name for name, rule in RULES.items() if rule == "anybody"}
OWN = {name for name, rule in RULES.items() if rule == "owners"}


def test_each_mutation_is_refused_for_who_may_not(ui: Ui, ids: dict[str, dict[str, str]]) -> None:
    before = state(ui)
    let: list[tuple[str, str, int]] = []
    tried = 0
    for name in ("sales", "hr"):
        for mutation, values in arguments(name, ids[name]).items():
            own = name == "sales" and mutation in OWN
            for who in (OUTSIDER,) if own else (OUTSIDER, MEMBER):
                status, answer = send(ui, mutation, values, who)
                tried += 1
                if status != 403 or "E052" not in answer:
                    let.append((mutation, name, status))
    assert {mutation for mutation, _, _ in let} == HARMLESS
    assert tried == 2 * 2 * len(FIELDS) - len(OWN)
    assert state(ui) == before


@pytest.mark.parametrize("group", ["owners", "platform"])
def test_each_mutation_runs_for_who_may(ui: Ui, ids: dict[str, dict[str, str]], group: str) -> None:
    """The member what owners may, the platform team everything; what ends a location comes last."""
    wrong = {}
    for mutation, values in arguments("sales", ids["sales"]).items():
        if RULES[mutation] == group:
            status, answer = send(ui, mutation, values, MEMBER if group == "owners" else PLATFORM)
            if status != 200 or "UnauthorizedError" in answer or "'data': None" in answer:
                wrong[mutation] = status
    assert wrong == (NOT_HERE if group == "platform" else {})


def test_the_platform_team_may_change_every_location(ui: Ui, ids: dict[str, dict[str, str]]) -> None:
    for mutation, values in arguments("hr", ids["hr"]).items():
        if mutation in OWN:
            status, answer = send(ui, mutation, values, PLATFORM)
            assert status == 200, (mutation, answer)
            assert "UnauthorizedError" not in answer


IDENTITIES = {
    "assetKey", "assetSelection", "backfillId", "id", "jobOriginId", "jobSelectorId", "parentRunId", "path",
    "repositoryLocationName", "rootRunId", "runId", "runIds", "scheduleOriginId", "scheduleSelectorId",
}  # fmt: skip
"""What says whose thing a mutation changes: the check looks at each."""
INNER = {
    "allPartitions", "assetCheckSelection", "backfillParams", "cursor", "description", "end",
    "executionMetadata", "executionParams", "executionParamsList", "extraTags", "forceSynchronousSubmission",
    "fromFailure", "jobName", "key", "mode", "name", "partitionKey", "partitionNames", "partitionSetName",
    "partitions", "partitionsByAssets", "partitionsDefName", "pipelineName", "preset", "range", "ranges",
    "reexecutionParams", "reexecutionSteps", "repositoryName", "repositorySelector", "runConfigData",
    "scheduleName", "scheduleSelector", "selector", "selectorData", "sensorName", "sensorSelector",
    "solidSelection", "start", "stepKeys", "strategy", "tags", "terminatePolicy", "timestamp", "title",
    "useParentRunTags", "value",
}  # fmt: skip
"""What is inside of that, or names nothing by itself."""


def test_every_argument_of_what_owners_may_has_been_looked_at() -> None:
    seen: set[str] = set()
    ahead = [(name, argument.type) for each in OWN for name, argument in FIELDS[each].args.items()]
    kinds = set()
    while ahead:
        name, declared = ahead.pop()
        seen.add(name)
        kind = get_named_type(declared)
        if isinstance(kind, GraphQLInputObjectType) and kind not in kinds:
            kinds.add(kind)
            ahead += [(inner, field.type) for inner, field in kind.fields.items()]
    assert seen - INNER == IDENTITIES
    assert seen >= INNER


def tricks(ids: dict[str, dict[str, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Own things with those of another domain: mutations and their arguments."""
    own, other = ids["sales"], ids["hr"]
    (origin, chosen), (other_origin, other_chosen) = parts(own["sensor state"]), parts(other["sensor state"])
    yield "terminateRuns", {"runIds": [own["run"], other["run"]]}
    yield "terminateRuns", {"runIds": []}
    yield "terminateRun", {"runId": "not-a-run"}
    yield "cancelPartitionBackfill", {"backfillId": "not-a-backfill"}
    yield "launchMultipleRuns", {"executionParamsList": [launched("sales"), launched("hr")]}
    yield "launchMultipleRuns", {"executionParamsList": []}
    mixed = launched("sales")
    mixed["selector"]["assetSelection"] = [asset("sales"), asset("hr")]
    yield "launchRun", {"executionParams": mixed}
    checks = launched("sales")
    checks["selector"]["assetCheckSelection"] = [{"name": "c", "assetKey": asset("hr")}]
    yield "launchRun", {"executionParams": checks}
    yield "launchRun", {"executionParams": launched("sales", parentRunId=other["run"], rootRunId=own["run"])}
    yield "launchRunReexecution", {"executionParams": launched("sales", parentRunId=other["run"], tags=[])}
    yield "stopSensor", {"jobOriginId": origin, "jobSelectorId": other_chosen}
    yield "stopSensor", {"jobOriginId": other_origin, "jobSelectorId": chosen}
    yield "stopSensor", {"id": f"{origin}::{other_chosen}"}
    yield "stopSensor", {"id": f"not-a-sensor::{chosen}"}
    yield "stopSensor", {}
    for backfill in (
        {"assetSelection": [asset("sales", "parts"), asset("hr", "parts")], "partitionNames": ["a"]},
        {"assetSelection": [asset("sales", "never_made")], "partitionNames": ["a"]},
        {"assetSelection": [], "allPartitions": True},
        {
            "selector": {
                "partitionSetName": "parts_job_partition_set",
                "repositorySelector": selector("sales"),
            },
            "assetSelection": [asset("hr", "parts")],
        },
        {"partitionsByAssets": [{"assetKey": asset("sales", "parts")}, {"assetKey": asset("hr", "parts")}]},
    ):
        yield "launchPartitionBackfill", {"backfillParams": backfill}


def test_own_things_do_not_cover_those_of_others(ui: Ui, ids: dict[str, dict[str, str]]) -> None:
    before = state(ui)
    found = [(mutation, values, send(ui, mutation, values, MEMBER)) for mutation, values in tricks(ids)]
    assert [(mutation, values) for mutation, values, (status, _) in found if status != 403] == []
    assert state(ui) == before


DELETE = 'deleteRun(runId: "RUN") {__typename}'


@pytest.mark.parametrize(
    "query",
    [
        f"mutation {{ logTelemetry: {DELETE} }}",
        f"mutation {{ ...F }} fragment F on Mutation {{ {DELETE} }}",
        f"mutation {{ ... on Mutation {{ {DELETE} }} }}",
        f"mutation {{ setNuxSeen {DELETE} }}",
        'mutation ($r: String! = "RUN") { deleteRun(runId: $r) {__typename} }',
        f"mutation {{ {DELETE.replace('{__typename}', '@include(if: true) {__typename}')} }}",
    ],
)
def test_the_form_of_a_document_changes_nothing(ui: Ui, ids: dict[str, dict[str, str]], query: str) -> None:
    status, answer = ui.ask(query.replace("RUN", ids["hr"]["run"]), MEMBER)
    assert (status, "E052" in str(answer)) == (403, True)
    assert ids["hr"]["run"] in str(state(ui))


def test_the_buttons_are_those_of_the_user(ui: Ui) -> None:
    query = """{permissions {permission value} workspaceOrError {... on Workspace {locationEntries
    {name permissions {permission value}}}}}"""

    def permitted(who: Headers) -> tuple[set[str], dict[str, set[str]]]:
        data = done(ui, query, who)
        entries = data["workspaceOrError"]["locationEntries"]
        return chosen(data["permissions"]), {each["name"]: chosen(each["permissions"]) for each in entries}

    def chosen(values: list[dict[str, Any]]) -> set[str]:
        return {each["permission"] for each in values if each["value"]}

    assert permitted(OUTSIDER) == (set(), {"sales": set(), "hr": set()})
    general, by_location = permitted(MEMBER)
    assert (general, by_location["hr"]) == (set(), set())
    assert {"launch_pipeline_execution", "edit_sensor", "cancel_partition_backfill"} <= by_location["sales"]
    assert not {"wipe_assets", "delete_pipeline_run", "report_runless_asset_events"} & by_location["sales"]
    general, by_location = permitted(PLATFORM)
    assert "wipe_assets" in general & by_location["sales"] & by_location["hr"]
