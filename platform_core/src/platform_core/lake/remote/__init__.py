"""Lakes on servers: catalogs in schemas of a Postgres database, data in buckets of an object store."""

from platform_core.lake.location import RESTRICTED


def owns(principal: str, lake: str) -> bool:
    """Whether a principal is the domain of a lake."""
    return lake.removesuffix(RESTRICTED) == principal
