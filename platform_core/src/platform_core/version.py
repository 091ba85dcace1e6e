"""The only place of the library's version, and the folder of the library."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__version__: Final = "0.4.0"
LIBRARY: Final = Path(__file__).parent
