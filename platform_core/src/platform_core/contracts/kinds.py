"""What kind of thing a product is: the ``physicalType`` of its schema object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_core.contracts.document import Document
from platform_core.contracts.faults import Faults
from platform_core.contracts.model import KINDS, Kind
from platform_core.errors import did_you_mean, listed

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaObject


def read_kind(document: Document, table: SchemaObject | None, index: int | None, faults: Faults) -> Kind:
    """The kind, ``table`` where none is said. C100: a word that names none of ours."""
    if table is None or index is None or table.physicalType is None:
        return "table"
    word = table.physicalType
    for kind in KINDS:
        if word == kind:
            return kind
    close = did_you_mean(word.strip().lower(), KINDS)
    faults.error(
        "C100",
        f'"{word}" is no kind of product',
        document.place("schema", index, "physicalType"),
        expected=listed(KINDS),
        fix=close or "Remove physicalType: a product is a table, however it is made.",
    )
    return "table"
