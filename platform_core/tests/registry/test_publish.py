"""Contracts of one repository, registered for others: publication, refusals, and how the two
are compared. `crew` has a foreign key to `shop`; each lives in a repository of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from platform_core.diagnostics import ContractError, DefinitionError, Diagnostic, PlatformError, UsageError
from platform_core.registry.lookup import Registry
from platform_core.registry.publish import Registered, register

STORES = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/stores
version: 1.2.0
status: active
roles: [{role: "domain:crew", access: read}]
schema:
  - name: stores
    properties:
      - {name: store_id, logicalType: integer, primaryKey: true}
      - {name: city, logicalType: string, required: true}
"""
ROSTER = """\
apiVersion: v3.2.0
kind: DataContract
id: crew/roster
version: 1.0.0
status: active
schema:
  - name: roster
    properties:
      - name: store_id
        logicalType: integer
        relationships: [{to: shop/stores.odcs.yaml#/schema/stores/properties/store_id}]
"""


@dataclass(frozen=True)
class Two:
    """Two repositories and their registry."""

    shared: Path
    shop: Path
    crew: Path

    def registry(self, repository: Path) -> Registry:
        return Registry(repository / "domains", "contracts", self.shared)

    def register(self, domain: str, *, write: bool = True) -> Registered:
        (done,) = register(self.registry(getattr(self, domain)), [domain], self.shared, write=write)
        return done

    def file(self, product: str) -> Path:
        domain, name = product.split("/")
        return Path(getattr(self, domain)) / "domains" / domain / "contracts" / f"{name}.odcs.yaml"

    def registered(self, product: str) -> Path:
        return self.shared / f"{product}.odcs.yaml"

    def write(self, product: str, text: str) -> None:
        self.file(product).parent.mkdir(parents=True, exist_ok=True)
        self.file(product).write_text(text)

    def edit(self, product: str, *edits: tuple[str, str]) -> None:
        text = self.file(product).read_text()
        for old, new in edits:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        self.file(product).write_text(text)


@pytest.fixture
def two(tmp_path: Path) -> Two:
    made = Two(tmp_path / "shared", tmp_path / "shop", tmp_path / "crew")
    made.write("shop/stores", STORES)
    made.write("crew/roster", ROSTER)
    return made


@pytest.fixture
def settled(two: Two) -> Two:
    two.register("shop")
    two.register("crew")
    return two


def fault(call: Callable[[], object]) -> Diagnostic:
    with pytest.raises(PlatformError) as caught:
        call()
    (found,) = caught.value.diagnostics
    return found


def snapshot(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*.odcs.*")}


def test_a_domain_of_another_repository_is_resolved_from_the_registry(settled: Two) -> None:
    crew = settled.registry(settled.crew)
    assert crew.names() == ("crew/roster", "shop/stores")
    assert [domain for domain in crew.domains() if crew.is_own(domain)] == ["crew"]
    assert crew.get("shop/stores").path == settled.registered("shop/stores")
    assert crew.get("crew/roster").path == settled.file("crew/roster")
    assert crew.unresolved(crew.get("crew/roster")) == ()


@pytest.mark.parametrize("edit", [("version: 1.2.0", "version: 2.0.0"), ("", "")])
def test_two_files_of_the_registry_for_one_product_are_refused(settled: Two, edit: tuple[str, str]) -> None:
    registered = settled.registered("shop/stores")
    registered.with_name("stores-2.odcs.yaml").write_text(registered.read_text().replace(*edit))
    found = fault(lambda: settled.registry(settled.crew).get("shop/stores"))
    assert found.code == "C022"
    assert "stores.odcs.yaml and stores-2.odcs.yaml" in found.message


def test_a_second_registration_changes_nothing(two: Two) -> None:
    two.write("shop/visits", STORES.replace("stores", "visits"))
    assert two.register("shop", write=False).added == ("stores", "visits")
    assert not snapshot(two.shared)
    first = two.register("shop")
    assert (first.added, first.changed, first.unchanged) == (("stores", "visits"), (), ())
    before = {path: path.stat().st_mtime_ns for path in two.shared.rglob("*.odcs.yaml")}
    again = two.register("shop")
    assert (again.added, again.changed, again.unchanged) == ((), (), ("stores", "visits"))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    two.edit(
        "shop/stores", ("version: 1.2.0", "version: 1.3.0  # more"), ("string, required", "string, required")
    )
    assert two.register("shop").changed == ("stores",)
    assert two.registered("shop/stores").read_text() == two.file("shop/stores").read_text()


def test_two_domains_of_one_repository_may_need_each_other(tmp_path: Path) -> None:
    one = Two(tmp_path / "shared", tmp_path / "both", tmp_path / "both")
    one.write("shop/stores", STORES)
    one.write("crew/roster", ROSTER)
    own = one.registry(one.shop)
    assert fault(lambda: register(own, ["crew"], one.shared)).code == "C057"
    assert [done.added for done in register(own, ["crew", "shop"], one.shared)] == [("roster",), ("stores",)]


class TestARegistryThatLacksAContract:
    def test_the_fix_names_the_command_of_the_registration(self, two: Two) -> None:
        crew = two.registry(two.crew)
        with pytest.raises(DefinitionError) as caught:
            crew.get("shop/stores")
        assert caught.value.diagnostics[0].code == "D001"
        assert "mesh register shop" in (caught.value.diagnostics[0].fix or "")

    def test_a_foreign_key_to_an_unregistered_product_is_refused(self, two: Two) -> None:
        found = fault(lambda: two.register("crew"))
        assert found.code == "C057"
        assert found.place is not None
        assert (found.place.path, found.place.line) == (two.file("crew/roster"), 11)
        assert not snapshot(two.shared)


class TestTwoVersionsOfOneContract:
    def test_the_tree_may_be_ahead(self, settled: Two) -> None:
        settled.edit("shop/stores", ("version: 1.2.0", "version: 1.10.0"))
        assert settled.registry(settled.shop).get("shop/stores").version == "1.10.0"
        assert settled.registry(settled.crew).get("shop/stores").version == "1.2.0"

    def test_comments_and_layout_do_not_matter(self, settled: Two) -> None:
        settled.edit("shop/stores", ("status: active", "status:   active  # since May"))
        assert settled.registry(settled.shop).get("shop/stores").status == "active"
        assert settled.register("shop").changed == ()

    @pytest.mark.parametrize(
        ("edit", "code"),
        [(("city", "town"), "C140"), (("version: 1.2.0", "version: 1.1.9"), "C141")],
    )
    def test_a_version_with_other_content_or_an_older_one(
        self, settled: Two, edit: tuple[str, str], code: str
    ) -> None:
        settled.edit("shop/stores", edit)
        before = snapshot(settled.shared)
        for call in (
            lambda: settled.registry(settled.shop).get("shop/stores"),
            lambda: settled.register("shop"),
        ):
            found = fault(call)
            assert found.code == code
            assert found.place is not None
            assert (found.place.path, found.place.line) == (settled.file("shop/stores"), 4)
        products, faults = settled.registry(settled.shop).scan()
        assert [product.id for product in products] == ["crew/roster"]
        assert [each.code for each in faults] == [code]
        assert snapshot(settled.shared) == before

    def test_two_files_for_one_product(self, settled: Two) -> None:
        rival = settled.shared / "shop" / "stores.odcs.yml"
        rival.write_text(STORES)
        for repository in (settled.crew, settled.shop):
            registry = settled.registry(repository)
            found = fault(lambda registry=registry: registry.get("shop/stores"))
            assert (found.code, found.place and found.place.path) == ("C022", rival)

    def test_a_file_with_the_id_of_another(self, settled: Two) -> None:
        (settled.shared / "shop" / "shops.odcs.yaml").write_text(STORES)
        crew = settled.registry(settled.crew)
        assert fault(lambda: crew.get("shop/shops")).code == "C022"


BREAKS = {
    "a column": ("      - {name: city, logicalType: string, required: true}\n", ""),
    "a type": ("name: city, logicalType: string", "name: city, logicalType: integer"),
    "required": ("string, required: true", "string"),
    "the key": ("integer, primaryKey: true", "integer, required: true"),
    "a grant": ('{role: "domain:crew", access: read}', '{role: "domain:hr", access: read}'),
    "retired": ("status: active", "status: retired"),
    "restricted": ("string, required: true", "string, required: true, classification: restricted"),
}


class TestBreakingReaders:
    @pytest.mark.parametrize("what", BREAKS)
    def test_a_breaking_change_needs_a_major_version(self, settled: Two, what: str) -> None:
        settled.edit("shop/stores", BREAKS[what], ("version: 1.2.0", "version: 1.3.0"))
        before = snapshot(settled.shared)
        found = fault(lambda: settled.register("shop"))
        assert found.code == "C142"
        assert found.place is not None
        assert found.place.path == settled.file("shop/stores")
        assert "version: 2.0.0" in (found.fix or "")
        assert snapshot(settled.shared) == before
        settled.edit("shop/stores", ("version: 1.3.0", "version: 2.0.0"))
        assert settled.register("shop").changed == ("stores",)

    def test_the_refusal_names_the_code_and_the_version_of_each_break(self, settled: Two) -> None:
        settled.edit("shop/stores", BREAKS["a type"], BREAKS["a grant"], ("version: 1.2.0", "version: 1.2.1"))
        with pytest.raises(ContractError) as caught:
            settled.register("shop")
        found = [(each.code, each.expected) for each in caught.value.diagnostics]
        words = "version 2.0.0 or higher, since the change is breaking (K10{})"
        assert found == [("C142", words.format(2)), ("C142", words.replace("K10", "K11").format(0))]

    def test_a_weaker_promise_needs_a_minor_version_and_a_warning(self, settled: Two) -> None:
        rule = "    quality: [{metric: rowCount, mustBeGreaterThan: 10}]\n"
        weaker = rule.replace("10", "5")
        settled.write("shop/stores", settled.file("shop/stores").read_text().replace("1.2.0", "1.2.1") + rule)
        assert settled.register("shop").weakened == ()
        settled.edit("shop/stores", (rule, weaker), ("version: 1.2.1", "version: 1.2.2"))
        found = fault(lambda: settled.register("shop"))
        assert (found.code, found.fix) == ("C142", "Write version: 1.3.0, or undo the change.")
        assert "risky (K224)" in (found.expected or "")
        settled.edit("shop/stores", ("version: 1.2.2", "version: 1.3.0"))
        done = settled.register("shop")
        assert done.changed == ("stores",)
        assert [(each.code, each.severity) for each in done.weakened] == [("K224", "warning")]
        assert "the rule row_count is looser" in done.weakened[0].message
        assert settled.register("shop").weakened == ()

    @pytest.mark.parametrize("version", ["2.0.0-rc.1", "2.0.0", "3.1"])
    def test_a_version_that_announces_the_break(self, settled: Two, version: str) -> None:
        settled.edit("shop/stores", BREAKS["a type"], ("version: 1.2.0", f"version: '{version}'"))
        assert settled.register("shop").changed == ("stores",)

    @pytest.mark.parametrize("version", ["1.2.0+2", "1.2"])
    def test_a_build_is_the_same_version(self, settled: Two, version: str) -> None:
        settled.edit("shop/stores", ("logicalType: string", "logicalType: date"))
        settled.edit("shop/stores", ("version: 1.2.0", f"version: '{version}'"))
        assert fault(lambda: settled.register("shop")).code == "C140"

    @pytest.mark.parametrize("version", ["1.2.0-rc.1", "1.1"])
    def test_a_prerelease_comes_before_its_version(self, settled: Two, version: str) -> None:
        settled.edit("shop/stores", ("version: 1.2.0", f"version: '{version}'"))
        assert fault(lambda: settled.register("shop")).code == "C141"

    def test_a_version_without_an_order_announces_no_break(self, settled: Two) -> None:
        settled.edit("shop/stores", BREAKS["a type"], ("version: 1.2.0", "version: '2024-10'"))
        assert fault(lambda: settled.register("shop")).fix == "Write version: 2.0.0, or undo the change."

    def test_another_spelling_of_a_type_does_not_break(self, settled: Two) -> None:
        settled.edit(
            "shop/stores",
            ("store_id, logicalType: integer", "store_id, logicalType: integer, physicalType: BIGINT"),
            ("1.2.0", "1.2.1"),
        )
        settled.register("shop")
        settled.edit("shop/stores", ("BIGINT", "int8"), ("1.2.1", "1.2.2"))
        assert settled.register("shop").changed == ("stores",)

    def test_an_addition_does_not_break(self, settled: Two) -> None:
        more = "required: true}\n      - {name: opened, logicalType: date}"
        settled.edit("shop/stores", ("string, required: true}", f"string, {more}"), ("1.2.0", "1.2.1"))
        assert settled.register("shop").changed == ("stores",)

    def test_an_additional_column_of_the_twin_does_not_break(self, settled: Two) -> None:
        twin = "[{property: maskedAs, value: plain, vendor: platform-core}]"
        masked = f"- name: stores\n    customProperties: {twin}"
        owner = "required: true}\n      - {name: owner, logicalType: string, tags: [personal]}"
        edits = ("- name: stores", masked), ("required: true}", owner), ("version: 1.2.0", "version: 2.0.0")
        settled.edit("shop/stores", *edits)
        assert settled.register("shop").changed == ("stores",)
        mask = "customProperties: [{property: mask, value: {method: redact}, vendor: platform-core}]"
        settled.edit(
            "shop/stores", ("[personal]", f"[personal], {mask}"), ("version: 2.0.0", "version: 2.0.1")
        )
        assert settled.register("shop").changed == ("stores",)
        settled.edit("shop/stores", ("redact", "drop"), ("version: 2.0.1", "version: 2.0.2"))
        assert fault(lambda: settled.register("shop")).code == "C142"

    def test_a_foreign_key_of_another_domain_keeps_its_target(self, settled: Two) -> None:
        settled.edit("shop/stores", ("name: store_id", "name: shop_id"), ("version: 1.2.0", "version: 2.0.0"))
        found = fault(lambda: settled.register("shop"))
        assert found.code == "C143"
        assert found.message.startswith("crew/roster would break")
        assert found.place is not None
        assert (found.place.path, found.place.line) == (settled.registered("crew/roster"), 11)

    def test_a_retired_product_can_be_removed(self, settled: Two) -> None:
        settled.write("shop/visits", STORES.replace("stores", "visits"))
        settled.register("shop")
        settled.file("shop/visits").unlink()
        found = fault(lambda: settled.register("shop"))
        assert (found.code, found.place and found.place.line) == ("C144", 5)
        for status, version in (("deprecated", "1.3.0"), ("retired", "1.4.0")):
            text = STORES.replace("stores", "visits").replace("1.2.0", version)
            settled.write("shop/visits", text.replace("active", status))
            assert settled.register("shop").changed == ("visits",)
        settled.file("shop/visits").unlink()
        assert settled.register("shop").removed == ("visits",)
        assert not settled.registered("shop/visits").exists()


class TestWhatCannotBeDone:
    def test_another_repositorys_domain(self, settled: Two) -> None:
        found = fault(lambda: register(settled.registry(settled.crew), ["shop"], settled.shared))
        assert found.code == "U083"

    def test_with_a_broken_contract_nothing_is_written(self, two: Two) -> None:
        two.write("shop/visits", STORES.replace("stores", "visits").replace("status:", "stauts:"))
        with pytest.raises(ContractError):
            two.register("shop")
        assert not snapshot(two.shared)

    def test_a_registry_that_is_a_file(self, two: Two) -> None:
        two.shared.write_text("")
        assert fault(lambda: two.register("shop")).code == "U084"

    def test_a_registry_that_cannot_be_written(self, two: Two) -> None:
        two.shared.mkdir()
        (two.shared / "shop").write_text("in the way")
        assert fault(lambda: two.register("shop")).code == "U084"

    def test_a_missing_registry(self, two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MESH_REGISTRY", str(two.shared))
        with pytest.raises(UsageError, match="U082"):
            Registry.open(two.shop)
