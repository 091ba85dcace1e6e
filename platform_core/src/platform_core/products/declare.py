"""The decorator for functions that make products, and their inputs. This module does not import Dagster,
so that a product can be checked in a second."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, overload

from platform_core.contracts.partitions import PartitionsRead
from platform_core.diagnostics import DefinitionError, Place
from platform_core.sources.source import Source
from platform_core.words import did_you_mean, listed

WINDOW: Final = "window"
Engine = Literal["duckdb", "spark"]
"""The engine that runs the SQL of a product."""


@dataclass(frozen=True, slots=True)
class Input:
    """A data product that a function reads.

    ``columns`` are the columns that it sees. They are required for a function that reads a data frame, and
    optional for one that returns SQL. ``partitions`` selects the partitions of a partitioned product: those
    of the run (``same``), ``all``, or only the ``last``; by default ``same`` if both products have the same
    partitions, else ``all``. ``changes`` reads from another stream only the rows that were published since
    the last run.
    """

    product: str
    columns: tuple[str, ...] | None = None
    partitions: PartitionsRead | None = None
    changes: bool = False


@dataclass(frozen=True)
class ProductFunction:
    """A function that makes a data product, with its declared inputs."""

    name: str
    function: Callable[..., Any]
    inputs: Mapping[str, Input | Source]
    place: Place
    windowed: bool = False
    """Whether it takes the window of its run, as the argument ``window``."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where each input of a Component stands."""
    engine: Engine = "duckdb"
    view: bool = False
    """Whether its SELECT is published as a view, without a copy of the rows."""

    def __post_init__(self) -> None:
        """Raises DefinitionError E070 for an engine that cannot make the product."""
        if self.engine == "duckdb":
            return
        returns = inspect.signature(self.function).return_annotation
        lacks = {
            "the engine is unknown": self.engine != "spark",
            "its function does not declare that it returns SQL, with `-> str`": returns not in (str, "str"),
            "it reads a source": bool(self.sources),
            "it reads the changes of a stream": self.reads_changes,
            "it is a view": self.view,
        }
        if what := [why for why, true in lacks.items() if true]:
            message = f'"{self.name}" cannot have the engine {self.engine}: {what[0]}'
            expected, fix = "a function of data products that returns SQL, or a Component", "Remove `engine`."
            raise DefinitionError.of("E070", message, self.place, expected, fix)

    @property
    def is_component(self) -> bool:
        """Whether a Component in YAML and SQL declares it, and no Python function."""
        return self.place.path.suffix == ".yaml"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.function(*args, **kwargs)
        except ModuleNotFoundError as error:
            if error.name != "dlt":
                raise
            from platform_core.sources.readers.relation import missing_extra  # here, because it loads DuckDB

            raise missing_extra("dlt", self.name, self.place) from None

    @property
    def domain(self) -> str:
        """The domain in whose package it is."""
        return str(self.function.__module__).partition(".")[0]

    @property
    def products(self) -> dict[str, Input]:
        return {name: i for name, i in self.inputs.items() if isinstance(i, Input)}

    @property
    def reads_changes(self) -> bool:
        return any(read.changes for read in self.products.values())

    @property
    def sources(self) -> dict[str, Source]:
        return {name: s for name, s in self.inputs.items() if isinstance(s, Source)}


@overload
def data_product(function: Callable[..., Any]) -> ProductFunction: ...


@overload
def data_product(
    *,
    name: str | None = None,
    inputs: Mapping[str, str | Input | Source] | None = None,
    engine: Engine = "duckdb",
    view: bool = False,
) -> Callable[[Callable[..., Any]], ProductFunction]: ...


def data_product(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    inputs: Mapping[str, str | Input | Source] | None = None,
    engine: Engine = "duckdb",
    view: bool = False,
) -> ProductFunction | Callable[[Callable[..., Any]], ProductFunction]:
    """Make a data product from a function; everything else is in ``contracts/<name>.odcs.yaml``.

    The function takes one argument per input, by name: a :class:`Table` for a product or a tabular source, a
    ``pathlib.Path`` for another source file. The function of a product with partitions may also take
    ``window``, the :class:`Window` of its run. It returns SQL text, a DuckDB relation, an Arrow, Polars or
    pandas table, or an iterator of rows as dicts or of Arrow batches, with the columns of the contract.
    With the engine ``spark`` it returns SQL, as its annotation declares, and the Spark server of the
    deployment runs it. With ``view`` it returns one SELECT over one product of the same lake, and its
    versions are views that are pinned to versions of that product. Raises DefinitionError D002 if
    arguments and inputs differ, E070 for an engine that cannot make it.
    """

    def declare(function: Callable[..., Any]) -> ProductFunction:
        declared = {
            parameter: Input(wanted) if isinstance(wanted, str) else wanted
            for parameter, wanted in (inputs or {}).items()
        }
        product = ProductFunction(
            name=name or function.__name__,
            function=function,
            inputs=declared,
            place=_place_of(function),
            windowed=WINDOW in inspect.signature(function).parameters and WINDOW not in declared,
            engine=engine,
            view=view,
        )
        _check_arguments(product)
        return product

    return declare(function) if function is not None else declare


def _place_of(function: Callable[..., Any]) -> Place:
    """The line of ``def``, below the decorators."""
    code = inspect.unwrap(function).__code__
    path, line = Path(code.co_filename), code.co_firstlineno
    try:
        source = inspect.getsourcelines(function)[0]
    except (OSError, TypeError):
        return Place(path, line)
    offset = next((n for n, text in enumerate(source) if text.lstrip().startswith("def ")), 0)
    text = source[offset].rstrip("\n")
    column = len(text) - len(text.lstrip()) + 1
    return Place(path, line + offset, column, len(text) - column + 1)


def _check_arguments(product: ProductFunction) -> None:
    parameters = list(inspect.signature(product.function).parameters)
    taken = {*product.inputs, *((WINDOW,) if product.windowed else ())}
    unknown = [parameter for parameter in parameters if parameter not in taken]
    unused = [parameter for parameter in product.inputs if parameter not in parameters]
    if unknown:
        message = f'"{product.name}" takes the argument "{unknown[0]}", which is not a declared input'
        add = f'Add it: `@data_product(inputs={{"{unknown[0]}": "<domain>/<product>"}})`'
        fix = did_you_mean(unknown[0], unused) or add
    elif unused:
        message = f'"{product.name}" declares the input "{unused[0]}" but takes no argument of that name'
        fix = f'Add the argument "{unused[0]}", or remove the input.'
    else:
        return
    expected = f"one argument per input: {listed(list(product.inputs)) or 'none'}; optionally window"
    raise DefinitionError.of("D002", message, product.place, expected, fix)
