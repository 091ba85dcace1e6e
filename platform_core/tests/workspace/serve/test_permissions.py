"""Every mutation of Dagster's schema, sent by an outsider, a member of a domain's team and the platform team."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dagster_graphql.schema import create_schema
from graphql import GraphQLField, GraphQLInputObjectType, get_named_type, is_leaf_type
from workspace.serve.ui_mesh import MEMBER, OUTSIDER, PLATFORM, Headers, Ui, of, serving

from platform_core.workspace.serve.permissions import MUTATIONS

pytestmark = [pytest.mark.full, pytest.mark.scale]

FIELDS: dict[str, GraphQLField] = create_schema().graphql_schema.mutation_type.fields
PLAIN = """mutation {launchRun(executionParams: {selector: {repositoryLocationName: "NAME", repositoryName:
"__repository__", jobName: "__ASSET_JOB", assetSelection: [{path: ["NAME", "plain"]}]}, runConfigData: {}})
{... on LaunchRunSuccess {run {runId}} ... on PythonError {message} ... on UnauthorizedError {message}}}"""
BACKFILL = """mutation {launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["NAME", "parts"]}],
partitionNames: ["a"]}) {... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
IDS = """{sensorsOrError(repositorySelector: SELECTOR) {... on Sensors {results {name id sensorState {id}}}}
schedulesOrError(repositorySelector: SELECTOR) {... on Schedules {results {id scheduleState {id}}}}}"""
COUNTS = "{runsOrError {... on Runs {results {id}}} partitionBackfillsOrError {... on PartitionBackfills {results {id}}}}"


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
            "schedule": instigators["schedulesOrError"]["results"][0]["scheduleState"]["id"],
        }
    return found


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
