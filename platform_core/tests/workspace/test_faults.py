"""Faults of a location affect only its products and their downstream."""

from __future__ import annotations

import dagster as dg
from small_mesh import SmallMesh

from platform_core.workspace.run.result import Checks, MeshResult

GOOD = """
@dg.asset(key=["good", "one"])
def one(): ...
defs = dg.Definitions(assets=[one])
"""


def statuses(result: MeshResult) -> dict[str, str | None]:
    return {product.product: product.status for product in result.products}


def error_of(result: MeshResult, name: str) -> str:
    return next(product.error or "" for product in result.products if product.product == name)


def test_a_failure_skips_its_downstream_also_in_other_domains(mesh: SmallMesh) -> None:
    mesh.location(
        "a",
        """
        def broken():
            return 1 / 0

        @dg.asset(key=["a", "bad"])
        def bad():
            broken()

        @dg.asset(key=["a", "said"])
        def said():
            raise dg.Failure(description="error[Q001]: 3 rows of a/said have no key")

        @dg.asset(key=["a", "fine"])
        def fine(): ...

        @dg.asset(key=["a", "behind"], deps=[bad])
        def behind(): ...

        @dg.asset(key=["a", "last"], deps=[["b", "reader"]])
        def last(): ...

        defs = dg.Definitions(assets=[bad, said, fine, behind, last, dg.AssetSpec(["b", "reader"])])
        """,
        "bad said fine behind last",
    )
    mesh.location(
        "b",
        """
        @dg.asset(key=["b", "reader"], deps=[["a", "bad"]])
        def reader(): ...

        @dg.asset(key=["b", "other"], deps=[["a", "fine"]])
        def other(): ...

        defs = dg.Definitions(assets=[reader, other, dg.AssetSpec(["a", "bad"]), dg.AssetSpec(["a", "fine"])])
        """,
        "reader other",
    )
    result = mesh.coordinate()
    assert statuses(result) == {
        "a/bad": "failed",
        "a/behind": "skipped",
        "a/fine": "ok",
        "a/last": "skipped",
        "a/said": "failed",
        "b/other": "ok",
        "b/reader": "skipped",
    }
    assert not result.ok
    bad = error_of(result, "a/bad")
    assert bad.startswith("error[R003]: a/bad: ZeroDivisionError: division by zero")
    assert "definitions.py:5:" in bad
    assert "return 1 / 0" in bad
    assert "Traceback" not in bad
    # A diagnostic that the platform already wrote is passed on as it is.
    assert error_of(result, "a/said") == "error[Q001]: 3 rows of a/said have no key"
    assert error_of(result, "a/behind") == "not made, because a/bad failed"
    assert error_of(result, "a/last") == "not made, because b/reader was not made either"
    assert len(result.faults) == 2


def test_a_failed_blocking_check_fails_its_product(mesh: SmallMesh) -> None:
    mesh.location(
        "a",
        """
        @dg.asset(key=["a", "one"])
        def one(): ...

        @dg.asset_check(asset=one, blocking=True)
        def never():
            return dg.AssetCheckResult(passed=False)

        @dg.asset(key=["a", "two"], deps=[one])
        def two(): ...

        defs = dg.Definitions(assets=[one, two], asset_checks=[never])
        """,
        "one two",
    )
    result = mesh.coordinate()
    assert statuses(result) == {"a/one": "failed", "a/two": "skipped"}
    one = result.products[0]
    assert one.checks == Checks(failed=1)


def test_a_location_that_does_not_load_leaves_the_others_running(mesh: SmallMesh) -> None:
    mesh.location("good", GOOD, "one")
    mesh.location("typo", "def broken(:\n    pass\n", "x")
    mesh.location("quits", "sys.exit(3)\n", "y")
    mesh.location(
        "reads",
        """
        @dg.asset(key=["reads", "z"], deps=[["typo", "x"]])
        def z(): ...
        defs = dg.Definitions(assets=[z, dg.AssetSpec(["typo", "x"])])
        """,
        "z",
    )
    mesh.location("bare", "", "w", python="nowhere/bin/python")
    result = mesh.coordinate()
    assert statuses(result) == {
        "bare/w": "failed",
        "good/one": "ok",
        "quits/y": "failed",
        "reads/z": "skipped",
        "typo/x": "failed",
    }
    assert "does not load: SyntaxError: invalid syntax" in error_of(result, "typo/x")
    assert "definitions.py:3:12" in error_of(result, "typo/x")
    assert "sys.exit" in error_of(result, "quits/y")
    assert "nowhere/bin/python" in error_of(result, "bare/w")
    assert "make setup" in error_of(result, "bare/w")


def test_a_worker_that_dies_fails_only_its_running_asset(mesh: SmallMesh) -> None:
    mesh.location(
        "a",
        """
        @dg.asset(key=["a", "bomb"])
        def bomb():
            os.kill(os.getpid(), 9)

        @dg.asset(key=["a", "later"], deps=[["good", "one"]])
        def later(): ...

        defs = dg.Definitions(assets=[bomb, later, dg.AssetSpec(["good", "one"])])
        """,
        "bomb later",
    )
    mesh.location("good", GOOD, "one")
    result = mesh.coordinate()
    assert statuses(result) == {"a/bomb": "failed", "a/later": "ok", "good/one": "ok"}
    text = error_of(result, "a/bomb")
    assert text.startswith("error[R002]: the worker of a was killed by SIGKILL while it made a/bomb")
    # The worker that followed found the run of the one before and closed it.
    with dg.DagsterInstance.from_config(str(mesh.root / ".mesh/dagster")) as instance:
        counts = [run.status for run in instance.get_runs()]
    assert counts.count(dg.DagsterRunStatus.FAILURE) == 1
    assert counts.count(dg.DagsterRunStatus.SUCCESS) == 2


def test_a_cycle_through_two_locations_is_named(mesh: SmallMesh) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        mesh.location(
            name,
            f"""
            @dg.asset(key=["{name}", "x"], deps=[["{other}", "x"]])
            def x(): ...
            defs = dg.Definitions(assets=[x, dg.AssetSpec(["{other}", "x"])])
            """,
            "x",
        )
    result = mesh.coordinate()
    assert statuses(result) == {"a/x": "failed", "b/x": "failed"}
    assert "error[R005]" in error_of(result, "a/x")
    assert "a/x" in error_of(result, "b/x")


def test_a_contract_without_an_asset_and_a_domain_without_a_location(mesh: SmallMesh) -> None:
    mesh.location("good", GOOD, "one broken")
    mesh.contract("good/promised")
    mesh.write("domains/nobody/contracts/thing.odcs.yaml", "")
    result = mesh.coordinate()
    failed = dict.fromkeys(("good/broken", "good/promised", "nobody/thing"), "failed")
    assert statuses(result) == {"good/one": "ok", **failed}
    assert "has no asset for it" in error_of(result, "good/promised")
    assert "error[C006]" in error_of(result, "good/broken")
    assert "broken.odcs.yaml:1" in error_of(result, "good/broken")
    assert "workspace.yaml" in error_of(result, "nobody/thing")
