"""The contracts of a mesh, and its products by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import ContractError, DefinitionError, Diagnostic, shown
from platform_core.odcs.identity import SUFFIXES, claimed
from platform_core.odcs.masked_twin import masked_twin
from platform_core.odcs.reader import load_contract
from platform_core.registry.contract_files import contracts_in, entries, ids_in, rivals, twin_named_in
from platform_core.registry.shared import require_not_behind
from platform_core.registry.typed_names import nearest_product
from platform_core.settings import CONTRACTS, REGISTRY, mesh_root
from platform_core.source.document import parse
from platform_core.words import did_you_mean, listed


@dataclass(eq=False)
class Registry:
    """The contracts of all domains. Names come from file names; a contract is read on demand."""

    base: Path
    """The folder of the domains' folders."""
    inner: str = ""
    """The folder of contracts in a domain's folder: ``contracts``, or empty."""
    shared: Path | None = None
    """The folder of the registry, with the contracts of domains in other repositories."""
    only: frozenset[str] | None = None
    """The domains of this tree to use; None for all."""
    _products: dict[str, DataProduct] = field(default_factory=dict, repr=False)
    _masked: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict, repr=False)
    _registered_files: dict[str, dict[str, tuple[Path, ...]]] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, root: Path | None = None) -> Registry:
        """The contracts of a mesh: ``<domain>/<product>.odcs.yaml`` in the folder MESH_CONTRACTS, else
        ``<root>/domains/<domain>/contracts/<product>.odcs.yaml``. The folder MESH_REGISTRY has the contracts
        of domains that are not in this tree."""
        shared = REGISTRY.existing_folder()
        if (folder := CONTRACTS.existing_folder()) is not None:
            return cls(folder, shared=shared)
        return cls((root or mesh_root()) / "domains", "contracts", shared)

    def is_own(self, domain: str) -> bool:
        """Whether a domain's contracts are in this tree, so that the registry has copies."""
        files = next(iter(self._index.get(domain, {}).values()), ())
        return bool(files) and files[0].parent == self._folder(domain)

    def domains(self) -> tuple[str, ...]:
        """All domains that have a folder for contracts, sorted."""
        return tuple(self._index)

    def files(self) -> dict[str, tuple[Path, ...]]:
        """The files of each contract by the id in its file's name; no contract is read."""
        return {f"{domain}/{name}": own for domain, each in self._index.items() for name, own in each.items()}

    def names(self) -> tuple[ProductId, ...]:
        """The ids of all products, sorted. Only contracts with a masked twin are read."""
        return tuple(
            ProductId.of(domain, name)
            for domain, files in self._index.items()
            for name in sorted({*files, *self._twins(domain)})
        )

    def knows(self, product_id: str) -> bool:
        """Whether a product of that id exists, even with a broken contract."""
        domain, name = ProductId(product_id).path
        return name in self._index.get(domain, {}) or name in self._twins(domain)

    def twins(self, domain: str) -> tuple[str, ...]:
        """The names of a domain's masked twins, even if the parent's contract is broken."""
        return tuple(sorted(self._twins(domain)))

    def path(self, product_id: str) -> Path:
        """The path of a product's contract, which may not exist; for a masked twin, that of its parent."""
        domain, name = (product := ProductId(product_id)).domain, product.name
        files = self._index.get(domain, {}).get(name)
        if not files and (parents := self._twins(domain).get(name)):
            return self.path(f"{domain}/{parents[0]}")
        return files[0] if files else self._folder(domain) / f"{name}{SUFFIXES[0]}"

    def get(self, product_id: str) -> DataProduct:
        """A product; only its contract is read.

        Raises DefinitionError D001 for an unknown product, ContractError for a broken contract.
        """
        if product_id in self._products:
            return self._products[product_id]
        domain, name = (wanted := ProductId(product_id)).domain, wanted.name
        files = self._index.get(domain, {}).get(name)
        if not files:
            product = self._twin(product_id)
            self._products[product_id] = product
            return product
        if self.shared is not None and files[0].parent.parent == self.shared:
            known = self._registered(domain).get(product_id, ())
            files += tuple(path for path in known if path not in files)
        if len(files) > 1:
            raise ContractError(rivals(product_id, files))
        try:
            product = load_contract(files[0], domain)
        except ContractError as error:
            raise ContractError(*self._with_rival(product_id, files[0], error)) from None
        self._require_own_twin(product)
        if self.shared is not None and self.is_own(domain):
            require_not_behind(product, self.shared)
        self._products[product_id] = product
        return product

    def of_domain(self, domain: str) -> tuple[DataProduct, ...]:
        """All products of a domain. Raises ContractError with the faults of all its contracts."""
        products, faults = self.scan(domain)
        if faults:
            raise ContractError(*faults)
        return products

    def scan(self, *domains: str) -> tuple[tuple[DataProduct, ...], tuple[Diagnostic, ...]]:
        """The readable products of some domains, by default of all, and the faults of the others."""
        named = (
            f"{domain}/{name}" for domain in domains or self.domains() for name in self._index.get(domain, {})
        )
        found, faults = self.each(named)
        twins = {each.id: self.get(f"{each.domain}/{each.masking.name}") for each in found if each.masking}
        return tuple(each for one in found for each in (one, twins.get(one.id)) if each is not None), faults

    def each(self, names: Iterable[str]) -> tuple[tuple[DataProduct, ...], tuple[Diagnostic, ...]]:
        """The readable products of some names, in their order, and the faults of the others."""
        products: list[DataProduct] = []
        faults: list[Diagnostic] = []
        for name in names:
            try:
                products.append(self.get(name))
            except ContractError as error:
                faults.extend(error.diagnostics)
        return tuple(products), tuple(faults)

    def read(self) -> tuple[str, ...]:
        """The ids of the products whose contracts were read."""
        return tuple(self._products)

    def unresolved(self, product: DataProduct) -> tuple[Diagnostic, ...]:
        """The faults of a product's foreign keys: an unknown target (C057), or the target's own faults."""
        faults: list[Diagnostic] = []
        for rule in product.rules:
            if rule.reference is None or rule.reference.product == product.id:
                continue
            try:
                target = self.get(rule.reference.product)
            except DefinitionError as error:
                fix = error.diagnostics[0].fix
                what = "safeTogether" if rule.kind == "together" else "the foreign key"
                message = f'{what} refers to "{rule.reference.product}", which has no contract'
                faults.append(Diagnostic("C057", message, rule.place, "the id of a product", fix))
                continue
            except ContractError as error:
                faults.extend(error.diagnostics)
                continue
            known = [column.name for column in target.columns]
            for name in rule.reference.columns:
                if name not in known:
                    message = f'{target.id} has no column "{name}"'
                    fix = did_you_mean(name, known)
                    faults.append(Diagnostic("C057", message, rule.place, f"one of {listed(known)}", fix))
        return tuple(faults)

    def _registered(self, domain: str) -> dict[str, tuple[Path, ...]]:
        if domain not in self._registered_files and self.shared is not None:
            self._registered_files[domain] = ids_in(self.shared / domain)
        return self._registered_files.get(domain, {})

    def _with_rival(self, product_id: str, path: Path, error: ContractError) -> tuple[Diagnostic, ...]:
        """A file with the id of another file's product is a duplicate (C022), not a contradiction (C020)."""
        if not any(fault.code == "C020" for fault in error.diagnostics):
            return error.diagnostics
        document = parse(path)
        claim = "/".join(claimed(document) or ())
        if claim in ("", product_id) or claim not in self.names():
            return error.diagnostics
        place = document.place("id")
        rival = Diagnostic(
            "C022",
            f"{claim} has two contracts: {shown(self.path(claim))} and {shown(path)}",
            place,
            expected=f"id: {product_id}, like the file's name",
            fix=f"Write id: {product_id}, or remove the file.",
        )
        rest = [fault for fault in error.diagnostics if fault.code != "C020" or fault.place != place]
        return (rival, *rest)

    def _twin(self, product_id: str) -> DataProduct:
        domain, name = (wanted := ProductId(product_id)).domain, wanted.name
        for parent in self._twins(domain).get(name, ()):
            found = self.get(f"{domain}/{parent}")
            if found.masking is not None and found.masking.name == name:
                return masked_twin(found)
        raise DefinitionError(self._unknown(product_id))

    def _twins(self, domain: str) -> dict[str, tuple[str, ...]]:
        if domain not in self._masked:
            found: dict[str, tuple[str, ...]] = {}
            for name, files in self._index.get(domain, {}).items():
                if (twin := twin_named_in(files[0], domain)) is not None:
                    found[twin] = (*found.get(twin, ()), name)
            self._masked[domain] = found
        return self._masked[domain]

    def _require_own_twin(self, product: DataProduct) -> None:
        """C092 where another product or its twin has the name of the masked twin."""
        if product.masking is None:
            return
        name, domain = product.masking.name, product.domain
        first = self._twins(domain).get(name, (product.name,))[0]
        if name in self._index.get(domain, {}):
            taken = f"{domain}/{name} has a contract of its own"
        elif first != product.name:
            taken = f"{domain}/{first} has a masked twin of that name"
        else:
            return
        message = f'"{name}" cannot be the masked twin of {product.id}: {taken}'
        place, expected = product.masking.place, f"a name that no other product of {domain} has"
        raise ContractError.of("C092", message, place, expected, f"Write maskedAs: {product.name}_masked.")

    def _folder(self, domain: str) -> Path:
        return self.base / domain / self.inner if self.inner else self.base / domain

    @cached_property
    def _index(self) -> dict[str, dict[str, tuple[Path, ...]]]:
        """Contract files by domain and product; a product with both suffixes has several files."""
        found: dict[str, dict[str, tuple[Path, ...]]] = {}
        for domain in entries(self.base):
            folder = self._folder(domain)
            counts = self.only is None or domain in self.only
            if counts and not domain.startswith(".") and folder.is_dir():
                found[domain] = contracts_in(folder)
        if self.shared is not None:
            for domain in entries(self.shared):
                if not domain.startswith(".") and not found.get(domain):
                    found[domain] = contracts_in(self.shared / domain)
        return dict(sorted(found.items()))

    def _unknown(self, product_id: str) -> Diagnostic:
        known, wanted = self.names(), ProductId(product_id)
        fix = nearest_product(product_id, known)
        if fix is None and wanted.name:
            fix = f"Write its contract: `{shown(self.path(product_id))}`"
            if self.shared is not None and not self.is_own(wanted.domain):
                command = f"mesh register {wanted.domain} --to {shown(self.shared)}"
                fix = f"Register it in the repository of {wanted.domain}: `{command}`"
        expected = f"one of {listed(known, 20)}" if known else "a product with a contract"
        return Diagnostic("D001", f'unknown data product "{product_id}"', None, expected, fix)
