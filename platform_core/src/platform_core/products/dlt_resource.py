"""The rows of a dlt resource: dlt asks the source, the platform keeps the rows and the state.

dlt is an extra, and its import is slow: only a function that uses it loads it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from platform_core.settings import set_variables

POSITION: Final = "dlt"
"""The key of the state in a stream's position."""
_SECTION: Final = "mesh"
"""Without it dlt would keep the state under the name of the function's module."""


def is_resource(result: Any) -> bool:
    """Whether a function returned a dlt resource."""
    module = sys.modules.get("dlt.extract.resource")
    return module is not None and isinstance(result, module.DltResource)


def keep_dlt_in(room: Path) -> None:
    """Let dlt read no settings and secrets but those in ``room``, which has none, and report to nobody."""
    folders = {"DLT_DATA_DIR": str(room / "dlt"), "DLT_PROJECT_DIR": str(room / "dlt")}
    set_variables(folders | {"RUNTIME__DLTHUB_TELEMETRY": "false"})


@dataclass
class Pull:
    """One pull of a resource, which continues from a state and has the next one when ``rows`` has ended."""

    resource: Any
    before: str | None = None
    after: str | None = None
    empty: bool = field(default=True, init=False)

    def rows(self) -> Iterator[Any]:
        """The rows, to be read in one thread. Raises what the function raises, and what dlt raises."""
        from dlt.common.configuration.container import Container
        from dlt.common.json import json
        from dlt.common.pipeline import StateInjectableContext
        from dlt.common.schema import Schema
        from dlt.extract.exceptions import ResourceExtractionError
        from dlt.extract.source import DltSource

        state: Any = json.typed_loads(self.before) if self.before else {}
        source = DltSource(Schema(_SECTION), _SECTION, [self.resource])
        failed: BaseException | None = None
        try:
            with Container().injectable_context(StateInjectableContext(state=state)):
                for item in source:
                    self.empty = self.empty and getattr(item, "num_rows", 1) == 0
                    yield item
        except ResourceExtractionError as error:
            failed = error.__cause__ or error  # with the function's own lines
        if failed is not None:  # raised here, because each would be the other's cause
            raise failed
        self.after = json.typed_dumps(state)
