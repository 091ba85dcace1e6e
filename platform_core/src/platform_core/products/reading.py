"""How a product is read, in every language that the mesh speaks: for the catalog and the terminal."""

from __future__ import annotations

from platform_core.contracts.model import DataProduct
from platform_core.lake.kept import folder_of


def ways(product: DataProduct) -> tuple[tuple[str, str], ...]:
    """Pairs of a language and what to write in it. Every product is a table; some are more."""
    # The domain itself may read what nobody else was granted.
    public = product.granted_to("analysts") and not product.restricted
    hat = "" if public else f" --as domain:{product.domain}"
    found = [
        ("SQL", f'mesh query{hat} "SELECT * FROM {product.domain}.{product.name} LIMIT 10"'),
        ("Python", f'@data_product(inputs={{"{product.name}": "{product.id}"}})'),
        ("dbt", f'{{{{ source("{product.domain}", "{product.name}") }}}}'),
    ]
    if product.kind == "stream":
        # Only rows that the reader has not seen yet.
        found.append(("New rows", f'Input("{product.id}", changes=True)'))
    if product.kind == "model":
        reader = "" if public else f', reader="domain:{product.domain}"'
        found.append(("Model", f'Model.load("{product.id}"{reader}).estimator'))
    if product.file is not None:
        found.append(("File", f"{folder_of(product)}/{product.file}"))
    return tuple(found)
