"""Products that are views: the declarations and SELECTs that can be one."""

from __future__ import annotations

from collections.abc import Mapping

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, Place
from platform_core.fingerprint.stability import order_dependent, unstable
from platform_core.lake.location import LakeLocation
from platform_core.lake.versions import Catalog, stamps
from platform_core.products.declare import ProductFunction
from platform_core.products.inputs.resolve import BoundInput
from platform_core.sql.parser import parse


def require_view(product: DataProduct, function: ProductFunction, inputs: Mapping[str, BoundInput]) -> None:
    """Refuse ``view=True`` for a product that cannot be a view (D081)."""
    if not function.view:
        return
    read = [bound.product for bound in inputs.values()]
    elsewhere = [each for each in read if each.lake != product.lake]
    lacks = {
        f"its contract declares a {product.kind}": product.kind != "table",
        "its contract declares partitions": product.partitions is not None,
        "it takes the window of its run": function.windowed,
        "it reads a source": bool(function.sources),
        f"it reads {len(read)} products": len(read) != 1,
        **{f"{each.id} is in another lake, {each.lake}": True for each in elsewhere},
    }
    if why := [words for words, true in lacks.items() if true]:
        expected = f'one SELECT over one product of the lake "{product.lake}", as a table without partitions'
        raise _refused("D081", product.id, why[0], function.place, expected, "Remove `view`.")


def require_select(product: str, query: object, place: Place | None) -> None:
    """Refuse a result that is not one SELECT, or whose rows may differ between two reads (D082)."""
    trees = parse(query) if isinstance(query, str) else None
    if trees is None:
        why, fix = "its function does not return one plain SELECT", "Return the text of one SELECT."
    elif parts := (*unstable(trees[0]), *order_dependent(trees[0])):
        why = f"{parts[0]} may return other rows at each read"
        fix = f"Do without {parts[0]}, or state an order."
    else:
        return
    raise _refused("D082", product, why, place, "a SELECT that returns the same rows at every read", fix)


def require_lake(
    location: LakeLocation, connection: Catalog, product: DataProduct, read: DataProduct, place: Place
) -> None:
    """Refuse lakes on servers, and an input that is a view itself (D083)."""
    [(_, _, facts)] = stamps(connection, read.lake, read.id, limit=1)
    if location.reader is not None:
        why = f"its readers would need rights on all columns of {read.id} on the server"
        expected, fix = "lakes of this machine", "Remove `view`: each run then writes the rows."
    elif facts.get("kind") == "view":
        why, expected = f"{read.id} is a view itself", "an input that is a table"
        fix = f"Read {facts.get('view_of') or 'another product'} instead."
    else:
        return
    raise _refused("D083", product.id, why, place, expected, fix)


def _refused(
    code: str, product: str, why: str, place: Place | None, expected: str, fix: str
) -> DefinitionError:
    return DefinitionError.of(code, f"{product} cannot be a view: {why}", place, expected, fix)
