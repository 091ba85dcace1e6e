"""The rows that a function yields, one by one or in Arrow batches: written to a file in bounded memory."""

from __future__ import annotations

import datetime
import numbers
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, LakeError, Place, shown
from platform_core.lake.local.faults import DISK_FULL
from platform_core.lake.publication.column_fit import mapped
from platform_core.lake.publication.tables import lost_columns
from platform_core.sql.engine import trial
from platform_core.sql.quoting import quoted
from platform_core.sql.types import UNTYPED, duckdb_type
from platform_core.words import listed

if TYPE_CHECKING:
    import pyarrow

AT_ONCE: Final = 10_000
"""The rows that are in memory at once."""
_NOT_IN_ARROW: Final = re.compile(r"HUGEINT|UUID|JSON|BIT|BIGNUM|^TIME WITH TIME ZONE|ENUM|UNION|VARIANT")
_WIDER: Final = {"HUGEINT": "DECIMAL(38,0)", "TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP"}
_PYTHON: Final[tuple[tuple[str, Any, Any], ...]] = (
    ("is_boolean", bool, ()),
    ("is_integer", numbers.Integral, bool),
    ("is_floating", numbers.Real, bool),
    ("is_decimal", (Decimal, numbers.Integral), bool),
    ("is_date", datetime.date, datetime.datetime),
    ("is_timestamp", datetime.datetime, ()),
    ("is_time", datetime.time, ()),
    ("is_string", str, ()),
)
"""Tests of Arrow's types with the Python types of their values, and those of these that are not."""


@dataclass(frozen=True)
class Yielded:
    """An iterator of rows; ``types`` are DuckDB's, of the contract's columns."""

    items: Iterator[Any]
    product: DataProduct
    place: Place | None

    def write(self, file: Path) -> tuple[pyarrow.RecordBatchReader, dict[str, str]]:
        """Write the rows to a file. Returns a reader of it, and the types of columns that Arrow has as text.

        The iterator runs in the calling thread, before the lake is locked. Rows have the types of the
        contract, and Arrow batches those of the first. Raises what the iterator raises; DefinitionError D060
        for other columns, D061 for a value of another type, D062 for another item; LakeError L003.
        """
        import pyarrow

        types = {column.name: duckdb_type(column) for column in self.product.columns}
        in_file = {name: mapped(trial().type(kind), _in_file) for name, kind in types.items()}
        columns = ", ".join(f"NULL::{kind} AS {quoted(name)}" for name, kind in in_file.items())
        schema = trial().sql(f"SELECT {columns} LIMIT 0").to_arrow_table().schema
        begin = list(islice(self.items, 1))
        first, items = next(iter(begin), None), chain(begin, self.items)
        casts = {name: types[name] for name, kind in in_file.items() if kind != types[name]}
        if isinstance(first, pyarrow.Table | pyarrow.RecordBatch):
            # A page without a value in a column has no type for it.
            known = {field.name: field.type for field in schema}
            is_null = pyarrow.types.is_null
            schema = pyarrow.schema(
                (f.name, known.get(f.name, f.type) if is_null(f.type) else f.type) for f in first.schema
            )
            written, casts = self._batches(items, schema), {}
        else:
            written = self._rows(items, schema, types)
        try:
            with pyarrow.OSFile(str(file), "wb") as sink, pyarrow.ipc.new_stream(sink, schema) as writer:
                for table in written:
                    writer.write_table(table, max_chunksize=122_880)  # a row group of DuckDB
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise  # of the function
            message, expected = f"the disk of {shown(file.parent)} is full", "space for all rows of a run"
            fix = "Free some space. Nothing was published."
            raise LakeError.of("L003", message, None, expected, fix) from error
        return pyarrow.ipc.open_stream(pyarrow.OSFile(str(file))), casts

    def _batches(self, items: Iterator[Any], schema: pyarrow.Schema) -> Iterator[pyarrow.Table]:
        import pyarrow

        before = {field.name: str(field.type) for field in schema}
        done = 0
        for item in items:
            if isinstance(item, pyarrow.RecordBatch):
                item = pyarrow.Table.from_batches([item])
            if not isinstance(item, pyarrow.Table):
                raise self._other_item(item)
            now = {field.name: str(field.type) for field in item.schema}
            now |= {name: before[name] for name, kind in now.items() if kind == "null" and name in before}
            if now != before:
                raise self._other_columns(done, "the first batch", before, now)
            yield item.select(schema.names).cast(schema)
            done += item.num_rows

    def _rows(
        self, items: Iterator[Any], schema: pyarrow.Schema, types: Mapping[str, str]
    ) -> Iterator[pyarrow.Table]:
        import pyarrow

        done = 0
        while rows := list(islice(items, AT_ONCE)):
            for at, row in enumerate(rows, done):
                if not isinstance(row, Mapping):
                    raise self._other_item(row)
                if row.keys() != types.keys():
                    now = {str(key): types.get(key, "") for key in row}
                    raise self._other_columns(at, "the contract", types, now)
            columns = []
            for field in schema:
                values = [row[field.name] for row in rows]
                if (column := _array(values, field.type)) is None:
                    at = next(n for n, value in enumerate(values) if _array([value], field.type) is None)
                    raise self._other_value(done + at, field.name, values[at], types[field.name])
                columns.append(column)
            yield pyarrow.Table.from_arrays(columns, schema=schema)
            done += len(rows)

    def _other_columns(
        self, done: int, of: str, before: Mapping[str, str], now: Mapping[str, str]
    ) -> DefinitionError:
        changes = [*(f'"{name}" is new' for name in now if name not in before)]
        changes += lost_columns(before, now).values()
        message = f"row {done + 1:,} of {self.product.id} has other columns than {of}: {listed(changes)}"
        fix = "Yield every column in every row, None where it has no value. Nothing was published."
        expected = f"the columns of {of}: {listed(list(before))}"
        return DefinitionError.of("D060", message, self.place, expected, fix)

    def _other_value(self, done: int, column: str, value: Any, kind: str) -> DefinitionError:
        # Without the value, which may be confidential.
        found = type(value).__qualname__
        message = (
            f'row {done + 1:,} of {self.product.id} has a {found} in "{column}" that {kind} does not hold'
        )
        fix = "Convert the value, or correct the type in the contract. Nothing was published."
        return DefinitionError.of("D061", message, self.place, f"values of {kind}", fix, plain=True)

    def _other_item(self, item: Any) -> DefinitionError:
        message = f"the function of {self.product.id} yields a {type(item).__qualname__}"
        expected = "rows as dicts, or Arrow tables and record batches; not both"
        return DefinitionError.of("D062", message, self.place, expected, "Yield one of these.")


def _array(values: Sequence[Any], kind: pyarrow.DataType) -> pyarrow.Array | None:
    """The values in a type of Arrow; None if one of them is of another type or outside of its range."""
    import pyarrow

    if _fit(values, kind):
        with suppress(pyarrow.ArrowException, OverflowError, TypeError, ValueError):
            return pyarrow.array(values, kind)
    return None


def _fit(values: Sequence[Any], kind: pyarrow.DataType) -> bool:
    """Whether all values have a Python type of ``kind``. Arrow would turn numbers into times and times into
    dates, and leave out keys that a struct lacks."""
    from pyarrow import types

    values = [value for value in values if value is not None]
    if types.is_struct(kind):
        names = {field.name for field in kind}
        return all(isinstance(value, Mapping) and value.keys() == names for value in values) and all(
            _fit([value[field.name] for value in values], field.type) for field in kind
        )
    if types.is_list(kind) or types.is_fixed_size_list(kind):
        return all(isinstance(value, list | tuple) for value in values) and _fit(
            [each for value in values for each in value], kind.value_type
        )
    allowed, never = next((each for is_kind, *each in _PYTHON if getattr(types, is_kind)(kind)), (object, ()))
    return all(issubclass(each, allowed) and not issubclass(each, never) for each in set(map(type, values)))


def _in_file(kind: object) -> str:
    return in_arrow(_WIDER.get(str(kind), str(kind)))


def in_arrow(kind: str) -> str:
    """A DuckDB type that Arrow has: text for others."""
    return "INTEGER" if kind == UNTYPED else "VARCHAR" if _NOT_IN_ARROW.search(kind) else kind
