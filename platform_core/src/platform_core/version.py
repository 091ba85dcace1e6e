"""The version of the library, whose only place is here, and the folder that it lies in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__version__: Final = "0.4.0"
LIBRARY: Final = Path(__file__).parent
