"""Versions of contracts: their order as Semantic Versioning 2.0.0 defines it, and the version that a change
demands.

A prerelease of a major version, 2.0.0-rc.1, announces the break of 2.0.0, and each later one may break again
(section 9 of semver). A prerelease of a patch, 1.4.1-rc.1, announces nothing more than 1.4.1 does. The build,
``+b``, does not count.
"""

from __future__ import annotations

import re
from typing import Final

from semver import Version

from platform_core.compatibility.change import Grade

_MONTH: Final = re.compile("[0-9]+-")
FIRST: Final = "1.0.0"
"""The version to write where the old one has no order."""


def order(version: str) -> Version | None:
    """A version with its order; None for a text that semver cannot order, such as ``2024-10`` or ``final``.
    ``1.2``, ``1.2-rc.1`` and ``v3`` are accepted as 1.2.0, 1.2.0-rc.1 and 3.0.0."""
    text = version.strip().removeprefix("v")
    try:
        # 2024-10 is a month, not a prerelease.
        return None if _MONTH.match(text) else Version.parse(text, optional_minor_and_patch=True)
    except ValueError:
        return None


def behind(version: str, other: str) -> bool:
    """Whether a version is lower than another; False where one of them has no order."""
    one, two = order(version), order(other)
    return one is not None and two is not None and one < two


def same(version: str, other: str) -> bool:
    """Whether two versions are one version: the same text, or texts that differ only in the build."""
    one, two = order(version), order(other)
    return version == other or (one is not None and one == two)


def demanded(old_version: str, grade: Grade) -> str:
    """The lowest version that suffices for a change of ``grade``; its prereleases suffice too.

    A break demands the next major version, anything else that readers notice the next minor one; before 1.0
    the next minor version and the next patch. A neutral change demands none: the old version stays.
    """
    old = order(old_version)
    if grade is Grade.NEUTRAL:
        return old_version
    if old is None:
        return FIRST
    core = old.finalize_version()
    steps = [core.bump_patch(), core.bump_minor(), core.bump_major()]
    level = (grade is Grade.BREAKING) + (old.major > 0)
    due = not any(core.to_tuple()[3 - level : 3])
    return str(core if old.prerelease and due else steps[level])


def enough(old_version: str, new_version: str, grade: Grade) -> bool:
    """Whether a new version announces a change of ``grade``.

    Where one of the two has no order, no reader sees what the other announces: then a risky or breaking
    change needs a first version of semver, and for any other change another text suffices.
    """
    old, new = order(old_version), order(new_version)
    if old is None or new is None:
        differs = old_version != new_version
        return grade is Grade.NEUTRAL or (differs and (new is not None or grade < Grade.RISKY))
    if grade is Grade.NEUTRAL:
        return new >= old
    least = Version.parse(demanded(old_version, grade))
    return new > old and new.finalize_version() >= least
