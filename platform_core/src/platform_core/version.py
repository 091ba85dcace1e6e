"""The version of the library: its only place."""

from __future__ import annotations

from typing import Final

__version__: Final = "0.4.0"
