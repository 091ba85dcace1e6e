"""``python -m platform_core.cli``, the same as ``mesh``."""

import sys

from platform_core.cli import main

sys.exit(main())
