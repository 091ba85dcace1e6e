from platform_core.compatibility.change import Change
from platform_core.contracts.model import DataProduct


def changes(old: DataProduct, new: DataProduct) -> tuple[Change, ...]:
    return ()
