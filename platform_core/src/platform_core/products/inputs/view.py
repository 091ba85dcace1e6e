"""Products that are views: the declarations and SELECTs that can be one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, Place
from platform_core.fingerprint.stability import order_dependent, unstable
from platform_core.lake.location import VIEW_OF, LakeLocation
from platform_core.lake.versions import stamps
from platform_core.products.declare import ProductFunction
from platform_core.products.inputs.resolve import BoundInput
from platform_core.products.inputs.rows import LakeRows
from platform_core.sql.parser import parse
from platform_core.sql.quoting import quoted


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


def pinned_select(
    function: ProductFunction,
    location: LakeLocation,
    rows: LakeRows,
    inputs: Mapping[str, BoundInput],
    select: str | None,
) -> tuple[str, dict[str, Any]]:
    """A function's SELECT over its input at the version of the run, as SQL that stands for itself, and the
    facts for its stamp. ``select`` is None for a result that is not SQL. Refuses also lakes on servers, and
    an input that is a view itself (D083)."""
    product, [(name, bound)] = rows.consumer.id, inputs.items()
    require_select(product, select, function.place)
    [(_, _, facts)] = stamps(rows.connection, bound.product.lake, bound.product.id, version=bound.version)
    if location.reader is not None:
        why = f"its readers would need rights on all columns of {bound.product.id} on the server"
        expected, fix = "lakes of this machine", "Remove `view`: each run then writes the rows."
        raise _refused("D083", product, why, function.place, expected, fix)
    if facts.get("kind") == "view":
        why, fix = f"{bound.product.id} is a view itself", f"Read {facts.get(VIEW_OF, 'a table')} instead."
        raise _refused("D083", product, why, function.place, "an input that is a table", fix)
    shown = ", ".join(map(quoted, bound.declared.columns or ())) or "*"
    text = f"WITH {quoted(name)} AS (SELECT {shown} FROM {rows.of_product(name, bound)})"
    pin = {VIEW_OF: bound.product.id, "pinned": bound.version, "select": select}
    return f"{text} SELECT * FROM ({select}\n)", pin


def _refused(
    code: str, product: str, why: str, place: Place | None, expected: str, fix: str
) -> DefinitionError:
    return DefinitionError.of(code, f"{product} cannot be a view: {why}", place, expected, fix)
