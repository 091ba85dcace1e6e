"""Values planted in every stage of a run, and searched in all that it leaves for everybody to see."""

from __future__ import annotations

import re
import stat
from textwrap import dedent, indent

import dagster as dg
import pytest
from small_mesh import SmallMesh

from platform_core.diagnostics import ContractError
from platform_core.products.run.private_log import KEPT, private_log

DEFINITIONS = """
from platform_core.products.definitions import assemble
from platform_core.products.makers.domain import read_domain
defs, _ = assemble(read_domain("shop"))
"""
HEAD = """
import logging, os, subprocess, sys, warnings
import duckdb
from platform_core.products.makers.domain import read_domain
from platform_core.quality.gate import ContractBroken

def planted(name):
    return "".join(["Zq", "x", name])

class Odd:
    def __repr__(self):
        return planted("repr")

def context():
    return dg.AssetExecutionContext.get()
"""
GOOD = "return 'SELECT 1::BIGINT AS id, 5::BIGINT AS amount'"
RAISES = {
    "value": "raise ValueError(planted('value'))",
    "key": "{}[planted('key')]",
    "exit": "raise SystemExit(planted('exit'))",
    "interrupt": "raise KeyboardInterrupt(planted('interrupt'))",
    "cause": """
        try:
            raise ValueError(planted('cause'))
        except ValueError as error:
            raise RuntimeError(planted('raised')) from error""",
    "context": """
        try:
            raise ValueError(planted('context'))
        except ValueError:
            1 / 0""",
    "note": """
        error = ValueError(planted('noted'))
        error.add_note(planted('note'))
        raise error""",
    "group": "raise ExceptionGroup(planted('group'), [ValueError(planted('inner'))])",
    "class": "raise type(planted('class'), (Exception,), {})('x')",
    "file": "exec(compile('1 / 0', os.path.join(os.path.dirname(__file__), planted('file')), 'exec'))",
    "retry": """
        try:
            raise ValueError(planted('retry'))
        except ValueError as error:
            raise dg.RetryRequested(max_retries=1) from error""",
    "failure": "raise dg.Failure(planted('failure'), metadata={'x': planted('metadata')})",
    "fault": "raise PlatformError(Diagnostic(planted('code')[:4] + 'Q', planted('fault'), plain=True))",
    "broken": "raise ContractBroken(read_domain('shop').registry.get('shop/people'), ())",
    "base": "raise BaseException(planted('base'))",
}
PRINTS = {
    "out": f"print(planted('out')); {GOOD}",
    "err": f"print(planted('err'), file=sys.stderr); {GOOD}",
    "write": f"os.write(1, planted('write1').encode()); os.write(2, planted('write2').encode()); {GOOD}",
    "child": f"subprocess.run(['sh', '-c', f\"echo {{planted('child')}} >&2\"]); {GOOD}",
    "log": f"logging.getLogger('x').error(planted('log')); {GOOD}",
    "dagsterlog": f"dg.get_dagster_logger().error(planted('dagsterlog')); {GOOD}",
    "warning": f"warnings.warn(planted('warning')); {GOOD}",
    "event": f"context().log.error(planted('event')); {GOOD}",
    "output": f"context().add_output_metadata({{'x': planted('output')}}); {GOOD}",
    "said": f"return Result({GOOD.removeprefix('return ')}, metadata={{'x': planted('said')}})",
}
QUERIES = {
    "conversion": "SELECT id, (planted || id)::BIGINT AS amount FROM rows",
    "engine": "SELECT id, error(planted) AS amount FROM rows",
    "full": "SELECT id, ('disk full, no magic bytes ' || planted)::BIGINT AS amount FROM rows",
    "overflow": "SELECT id, strptime(planted, '%Y')::BIGINT AS amount FROM rows",
    "column": 'SELECT id, 1::BIGINT AS amount, 1 AS "{planted}" FROM rows',
    "type": "SELECT id, {{'{planted}': id}} AS amount FROM rows",
    "unknown": 'SELECT id, "{planted}" AS amount FROM rows',
    "parse": "SELECT '{planted}' '{planted}' FROM",
    "table": 'FROM "{planted}"',
    "repeated": "SELECT planted AS id, 1::BIGINT AS amount FROM rows, range(2)",
    "asked": "SELECT id, planted AS amount FROM rows",
}
"""``planted`` is a value of the rows; in braces, it stands in the SQL that the function makes."""
RESULTS = {
    "object": "return Odd()",
    "frame": "return {'id': [planted('frame')]}",
    "frozen": "return Table.__new__(Table)",
}
CHECKS = """\
    quality:
      - {name: most, type: sql, query: "SELECT max(amount) FROM ${table}", mustBe: 0}
      - {name: asked, type: sql, query: "SELECT max(amount)::INTEGER FROM ${table}", mustBe: 1}
"""
COLUMNS = """\
    properties:
      - {{name: id, logicalType: {kind}, primaryKey: true, classification: internal}}
      - {{name: amount, logicalType: {kind}, {rest}}}
"""
OPEN, PERSONAL = "classification: internal", "classification: confidential, tags: [personal]"
RESTRICTED = "classification: restricted, tags: [personal]"
REFERS = ", relationships: [{to: shop/people.odcs.yaml#/schema/people/properties/id}]"


def way(name: str) -> str:
    """The body of a function that goes one way."""
    if name in QUERIES:
        query = QUERIES[name].replace("{planted}", "{word}")
        return f"""
        word = planted({name!r})
        rows = f"(SELECT id, '{{word}}' AS planted FROM {{people}}) AS rows"
        return f\"\"\"{query.replace("rows", "{rows}")} \"\"\""""
    return {**RAISES, **PRINTS, **RESULTS}[name]


def plant(mesh: SmallMesh, ways: list[str], kinds: dict[str, str]) -> None:
    mesh.contract("shop/people", COLUMNS.format(kind="integer", rest=RESTRICTED))
    code = f"{HEAD}\n@data_product\ndef people():\n    {GOOD}\n"
    for kind, rest in kinds.items():
        for name in ways:
            text = "string" if name in ("asked", "repeated") else "integer"
            table = COLUMNS.format(kind=text, rest=rest)
            mesh.contract(f"shop/{kind}_{name}", table + CHECKS * (name == "asked"))
            code += f'\n@data_product(inputs={{"people": "shop/people"}})\ndef {kind}_{name}(people):\n'
            code += indent(dedent(way(name)), "    ") + "\n"
    mesh.code("shop", code)
    mesh.location("shop", DEFINITIONS)


def words_in(text: bytes) -> set[str]:
    return {found.decode() for found in re.findall(rb"Zqx[a-z0-9]+", text)}


def searched(mesh: SmallMesh) -> tuple[set[str], set[str], str]:
    """The planted words that a run leaves for everybody, and in the restricted lake; and its output."""
    told = "".join(mesh.start("run").communicate(timeout=600)).encode()
    private = mesh.lakes.folder("shop_restricted")
    everybody, own = words_in(told), set()
    for file in (mesh.root / ".mesh").rglob("*"):
        if file.is_file():
            found = words_in(file.read_bytes()) | words_in(str(file).encode())
            if file.is_relative_to(private):
                own |= found
                assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
            elif not file.is_relative_to(mesh.lakes.data_folder("shop")):
                everybody |= found
    return everybody, own, told.decode()


WAYS = [*RAISES, *PRINTS, *QUERIES, *RESULTS]
OF_EACH_STAGE = [
    "value",
    "exit",
    "retry",
    "fault",
    "write",
    "dagsterlog",
    "said",
    "conversion",
    "column",
    "asked",
]
NOT_KEPT = {"broken", "repeated", "object", "frame", "frozen", "said", "event", "output", "warning", "write"}
"""What is told nowhere at all, or in other words."""


@pytest.mark.full
def test_values_are_in_the_restricted_lake_alone(mesh: SmallMesh) -> None:
    plant(mesh, OF_EACH_STAGE, {"made": OPEN})
    everybody, own, output = searched(mesh)
    assert everybody == set()
    assert own >= {f"Zqx{name}" for name in OF_EACH_STAGE if name not in NOT_KEPT} | {
        "Zqxwrite1",
        "Zqxwrite2",
    }
    assert "error[D032]: the code of shop/made_value fails with ValueError" in output
    assert "error[L010]: shop/made_conversion cannot be made: The query of a product fails" in output
    assert ".mesh/lake/shop_restricted/messages/made_value-" in output
    assert "check most: it fails" in output


@pytest.mark.full
@pytest.mark.parametrize("rest", [OPEN, PERSONAL, RESTRICTED], ids=["made", "personal", "restricted"])
def test_no_way_leads_a_value_out(mesh: SmallMesh, rest: str) -> None:
    ways = [name for name in WAYS if name != "interrupt"]
    plant(mesh, ways, {"made": rest})
    everybody, own, _ = searched(mesh)
    assert everybody == set()
    assert own >= {f"Zqx{name}" for name in ways if name not in NOT_KEPT}


@pytest.mark.full
def test_an_interrupt_in_the_function_shows_no_text(mesh: SmallMesh) -> None:
    plant(mesh, ["interrupt"], {"made": OPEN})
    everybody, own, _ = searched(mesh)
    assert everybody == set()
    assert "Zqxinterrupt" in own


def test_a_product_that_references_restricted_values_is_redacted_too(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.contract("shop/people", COLUMNS.format(kind="integer", rest=RESTRICTED))
    mesh.publish("shop/people", "SELECT 1::BIGINT AS id, 5::BIGINT AS amount")
    mesh.contract("shop/made", COLUMNS.format(kind="integer", rest=OPEN + REFERS))
    mesh.code(
        "shop", "@data_product\ndef made():\n    return 'SELECT 1::BIGINT AS id, 7777::BIGINT AS amount'\n"
    )
    result = mesh.run("shop", "shop/made", instance)
    [failed] = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert "7777" not in repr(failed)
    assert "1 of 1 rows have no shop/people" in str(failed.description)
    assert not any("7777" in repr(record) for record in instance.all_logs(result.run_id))


BATCHES = """
@data_product(inputs={"people": "shop/people"})
def made(people):
    yield Batch(planted("batch"), "SELECT 1::BIGINT AS id, DATE '2024-01-01' AS at")
    yield Batch(planted("broken"), "SELECT 1::BIGINT AS id, DATE '2024-01-01' AS at")
    yield Batch(planted("failing"), f"SELECT '{planted('value')}'::BIGINT AS id, DATE '2024-01-01' AS at")
    raise ValueError(planted("raised"))
"""
STREAM = """\
    physicalType: stream
    customProperties: [{property: eventTime, value: at, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal}
      - {name: at, logicalType: date, required: true, classification: internal}
"""


def test_a_redacted_stream_shows_no_batch(
    mesh: SmallMesh, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    mesh.contract("shop/people", COLUMNS.format(kind="integer", rest=RESTRICTED))
    mesh.publish("shop/people", "SELECT 1::BIGINT AS id, 5::BIGINT AS amount")
    mesh.contract("shop/made", STREAM)
    published = []
    for fails in (False, True):
        mesh.code("shop", HEAD + (BATCHES if fails else BATCHES.replace("raise ValueError", "print")))
        result = mesh.run("shop", "shop/made", instance)
        assert not result.success
        told = [*map(repr, instance.all_logs(result.run_id)), *map(str, capfd.readouterr())]
        assert words_in("".join(told).encode()) == set()
        published.append(len(result.get_asset_materialization_events()))
    assert published == [1, 0]
    kept = b"".join(file.read_bytes() for file in mesh.lakes.folder("shop_restricted").glob("messages/*"))
    assert words_in(kept) >= {"Zqxbroken", "Zqxvalue", "Zqxraised"}


DISCLOSED = """\
    customProperties:
      - {property: disclosure, value: {reason: Groups., minGroup: 5, count: people}, vendor: platform-core}
    properties:
      - {name: team, logicalType: string, primaryKey: true, classification: internal}
      - {name: people, logicalType: integer, classification: internal}
"""


MOST = """\
    quality:
      - {name: most, type: sql, query: "SELECT max(people) FROM ${table}", mustBe: 0, severity: warning}
"""


@pytest.mark.parametrize("people", ["5", "4", "NULL"])
def test_a_contract_that_discloses_is_believed_once_it_is_proven(
    mesh: SmallMesh, instance: dg.DagsterInstance, people: str
) -> None:
    mesh.contract("shop/people", COLUMNS.format(kind="integer", rest=RESTRICTED))
    mesh.publish("shop/people", "SELECT 1::BIGINT AS id, 5::BIGINT AS amount")
    contract = mesh.contract("shop/teams", DISCLOSED)
    contract.write_text(contract.read_text() + MOST)
    rows = f"SELECT 'Zqxred' AS team, {people}::BIGINT AS people"
    mesh.code(
        "shop",
        f"@data_product(inputs={{'all': 'shop/people'}})\ndef teams(all):\n"
        f"    return Result({rows!r}, metadata={{'x': 'Zqxsaid'}})\n",
    )
    result = mesh.run("shop", "shop/teams", instance)
    told = "".join(map(repr, instance.all_logs(result.run_id)))
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["disclosure"].passed == result.success == (people == "5")
    if people == "5":
        assert words_in(told.encode()) == {"Zqxred", "Zqxsaid"}
        assert "the query returned 5" in told
    else:
        assert words_in(told.encode()) == set()
        assert "error[Q023]" in told
        assert "observed" not in checks["most"].metadata


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{minGroup: 5, count: people}", "has no reason"),
        ("{reason: x, minGroup: 1, count: people}", "smallest number of people"),
        ("{reason: x, minGroup: true, count: people}", "smallest number of people"),
        ("{reason: x, minGroup: 5, count: peple}", '"peple" is not a column of whole numbers'),
        ("{reason: x, minGroup: 5, count: team}", "not a column of whole numbers"),
        ("{reason: x, minGroup: 5, count: people, also: 1}", 'unknown key "also"'),
        ("yes", "is not a mapping"),
    ],
)
def test_a_disclosure_that_cannot_be_proven_is_refused(mesh: SmallMesh, value: str, words: str) -> None:
    mesh.contract("shop/teams", DISCLOSED.replace("{reason: Groups., minGroup: 5, count: people}", value))
    with pytest.raises(ContractError) as error:
        mesh.registry.get("shop/teams")
    assert error.value.diagnostics[0].code == "C095"
    assert words in str(error.value)
    mesh.contract(
        "shop/teams", DISCLOSED.replace("logicalType: string, ", "logicalType: string, tags: [personal], ")
    )
    with pytest.raises(ContractError, match="restricted or personal"):
        mesh.registry.get("shop/teams")


def test_a_domain_keeps_a_bounded_number_of_texts(mesh: SmallMesh) -> None:
    files = [private_log(mesh.lakes, "shop_restricted", f"run-{number}") for number in range(KEPT + 5)]
    kept = {file for file in files if file.exists()}
    assert len(kept) == KEPT
    assert files[-1] in kept
    assert stat.S_IMODE(files[-1].stat().st_mode) == 0o600
    assert stat.S_IMODE(files[-1].parent.stat().st_mode) == 0o700
