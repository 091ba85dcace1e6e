"""A model as a file: written by skops, never by pickle, with the same bytes for the same model."""

from __future__ import annotations

import importlib
import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from platform_core.access.grants import require_grant
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, LakeError, Place
from platform_core.lake.connect import read_catalog
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.versions import Version, history
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root
from platform_core.words import listed

LIBRARIES = ("scikit-learn", "skops", "numpy", "scipy", "platform-core")
"""The libraries whose versions the card of a model lists."""
_SCHEMA = "schema.json"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Artifact:
    """A published model, as a reader gets it.

    ``card`` has the signature, metrics and baseline on the holdout, the versions of the inputs that it was
    trained on, the seed, and the versions of the libraries.
    """

    estimator: Any
    card: Mapping[str, Any]
    path: Path
    sha256: str


def dump_estimator(estimator: Any, product: DataProduct, place: Place) -> bytes:
    """The artifact of a fitted estimator. Raises DefinitionError: D044 without skops, D045 for types that
    the contract does not trust, D046 for an object that skops cannot write."""
    skops = _skops(product, place)
    try:
        content = canonical(skops.dumps(estimator))
    except (TypeError, ValueError, AttributeError, NotImplementedError, RecursionError) as error:
        message = f"the model of {product.id} cannot be written: {type(error).__name__}: {error}"
        expected = "an estimator that skops can write, such as those of scikit-learn"
        fix = "Remove functions, open files and connections from the estimator."
        raise DefinitionError.of("D046", message, place, expected, fix) from error
    _require_trusted(skops, content, product, place)
    return content


def load_estimator(content: bytes, product: DataProduct, place: Place) -> Any:
    """The estimator of an artifact. Raises DefinitionError D044 and D045 as ``dump_estimator`` does."""
    skops = _skops(product, place)
    _require_trusted(skops, content, product, place)
    return skops.loads(content, trusted=list(product.signature.trusted if product.signature else ()))


def canonical(content: bytes) -> bytes:
    """A skops archive without times and memory addresses, which differ between processes. skops numbers
    objects and names their files by address; here they are numbered in the order of their occurrence."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != _SCHEMA}
        schema = json.loads(archive.read(_SCHEMA))
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}

    def renumbered(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: numbers.setdefault(member, len(numbers) + 1)
                if key == "__id__" and isinstance(member, int)
                else renumbered(member)
                for key, member in value.items()
            }
        if isinstance(value, list):
            return [renumbered(member) for member in value]
        if isinstance(value, str) and value in files:
            return names.setdefault(value, f"{len(names) + 1}{Path(value).suffix}")
        return value

    schema = renumbered(schema)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, renamed in names.items():
            archive.writestr(zipfile.ZipInfo(renamed, _LONG_AGO), files[name])
        archive.writestr(zipfile.ZipInfo(_SCHEMA, _LONG_AGO), json.dumps(schema, indent=1))
    return buffer.getvalue()


def libraries() -> dict[str, str]:
    """The versions of the installed libraries that made a model."""
    found = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def load_artifact(product_id: str, wanted: int | None, reader: str) -> Artifact:
    """See ``Model.load``."""
    root = mesh_root()
    product = Registry.open(root).get(product_id)
    if product.signature is None:
        message = f"{product.id} is a {product.kind}, not a model"
        fix = f'Read its rows: `mesh query "FROM {product.domain}.{product.name}"`'
        raise DefinitionError.of("D047", message, product.place, "a product with physicalType: model", fix)
    require_grant(product, reader, root)
    return read_artifact(product, current_lakes(root), wanted)


def read_artifact(product: DataProduct, location: LakeLocation, wanted: int | None) -> Artifact:
    """The model of a version, by default of the newest, of a model product. Raises as ``Model.load``."""
    limit = 1 if wanted is None else None
    versions: tuple[Version, ...] = ()
    if location.exists(product.lake):
        versions = read_catalog(location, product.lake, lambda found: history(found, product, limit=limit))
    files = ProductFiles(location, product)
    found = next((each for each in versions if wanted in (None, each.version)), None)
    if found is None:
        known = listed([str(each.version) for each in versions])
        message = f"{product.id} has no version {wanted}" if known else f"{product.id} was never published"
        expected = f"one of the versions {known}" if known else "a published model"
        fix = "Choose one of these versions." if known else f"Run `mesh run {product.id}`."
        raise LakeError.of("L034", message, product.place, expected, fix)
    content = files.read(found).path.read_bytes()
    return Artifact(
        estimator=load_estimator(content, product, product.place),
        card=json.loads(files.card(found.version).read_text(encoding="utf-8")),
        path=files.path(found.version),
        sha256=found.file.sha256 if found.file else "",
    )


def _require_trusted(skops: ModuleType, content: bytes, product: DataProduct, place: Place) -> None:
    trusted = product.signature.trusted if product.signature else ()
    unknown = [kind for kind in skops.get_untrusted_types(data=content) if kind not in trusted]
    if unknown:
        message = f"the model of {product.id} holds types that are not trusted: {listed(unknown)}"
        expected = "types that skops trusts, or that the contract lists"
        fix = f"Review them, then add to the property model:\n`trusted: [{', '.join(unknown)}]`"
        raise DefinitionError.of("D045", message, place, expected, fix)


def _skops(product: DataProduct, place: Place) -> ModuleType:
    try:
        return importlib.import_module("skops.io")
    except ImportError as error:
        message = f"the model of {product.id} needs skops, which is not installed"
        expected = "skops and scikit-learn, as in the domain that trains the model"
        fix = "Add skops and scikit-learn to the domain's pyproject.toml, then run `make lock setup`."
        raise DefinitionError.of("D044", message, place, expected, fix) from error
