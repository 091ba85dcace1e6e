"""A product's asset: one op that writes, audits and publishes, and the checks that it reports."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from platform_core.access.bi_file import refresh_attached
from platform_core.access.breaking_changes import break_guard, explaining_lost_columns, shape_left_behind
from platform_core.access.grants import require_grant
from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import run_window
from platform_core.diagnostics import Diagnostic, Place
from platform_core.fingerprint.made_from import MadeFrom
from platform_core.lake.damage import report_damage, whole_files
from platform_core.lake.lakes import current_lakes
from platform_core.lake.local.spill import spill_folder, spill_into
from platform_core.lake.publication.content_hash import data_version
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.publication.reader_files import remove_links
from platform_core.lake.publication.tables import Publication
from platform_core.lake.reclassified import left_lake, remove_left
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import stamps
from platform_core.products.assets.hooks import RunHooks
from platform_core.products.catalog.automation import Upstream
from platform_core.products.catalog.page import Page
from platform_core.products.catalog.spec import (
    FOREIGN_KEY,
    asset_key,
    check_specs,
    partition_mapping,
    product_spec,
)
from platform_core.products.declare import ProductFunction
from platform_core.products.dlt_resource import keep_dlt_in
from platform_core.products.inputs.bind import bind
from platform_core.products.inputs.changes import require_streams
from platform_core.products.inputs.inbox import files_of
from platform_core.products.inputs.resolve import (
    BoundInput,
    published_table,
    require_published,
    require_uses,
    resolve_inputs,
)
from platform_core.products.inputs.rows import LakeRows
from platform_core.products.inputs.sealed import sealed_inputs
from platform_core.products.inputs.staged import source_facts, staging_of
from platform_core.products.inputs.versions import (
    VersionRead,
    inputs_metadata,
    pinned,
    version_reads,
    versions_read,
)
from platform_core.products.inputs.view import pinned_select, require_view
from platform_core.products.made_from import parts_of_function
from platform_core.products.resource import LakeResource
from platform_core.products.result import as_query, with_metadata
from platform_core.products.run.context import INVOCATION_TAG, Publish, RunContext
from platform_core.products.run.origin import checks_summary, fingerprints, of_all_partitions, origin
from platform_core.products.run.redaction import Redaction
from platform_core.products.run.refusal import failed_run, interrupted
from platform_core.products.run.repeated import order_of, published_by_lost_run
from platform_core.products.run.report import (
    changed_columns,
    check_result,
    column_facts,
    column_lineage,
    parts_metadata,
    publication_metadata,
    published_result,
)
from platform_core.products.spark import by_spark
from platform_core.quality.gate import ContractBroken, gate
from platform_core.quality.outcome import Outcomes
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_home, mesh_root
from platform_core.source.revision import commit
from platform_core.sources.source import Source
from platform_core.sql.engine import lock_down

Events = Iterator[dg.MaterializeResult[None] | dg.AssetCheckEvaluation]


def function_asset(
    product: DataProduct,
    function: ProductFunction,
    registry: Registry,
    *,
    hooks: Callable[[RunContext, Place], RunHooks] = RunHooks,
) -> dg.AssetsDefinition:
    """The asset of a product that a Python function makes; ``hooks`` keep its file or model. Raises
    DefinitionError for an unknown input."""
    inputs = resolve_inputs(function, registry)

    def publish(run: RunContext) -> Publication[Outcomes]:
        bound, connection = pinned(inputs, run.versions), run.connection
        staging = staging_of(function, product, run.window, run.room, run.stamp.run_id)
        rows = LakeRows(connection, product, run.window, staging)
        with (
            hooks(run, function.place) as run_hooks,
            sealed_inputs(run.location, connection, function, bound, rows, run.room) as engine,
        ):
            arguments = bind(connection, function, bound, rows, engine)
            result, said = with_metadata(function(**arguments))
            run.function_metadata.update(said)
            made = as_query(connection, run_hooks.rows(result), arguments, product, function.place, run.room)
            if function.engine == "spark":
                made = by_spark(run, function, bound, made)
            staging.read(made.used)
            staging.show(connection)
            run.record_sources(source_facts(connection, function, staging))
            run.readings.extend(version_reads(product, bound, run.window, made.used))
            query, pin = made.query, None
            if function.view:
                text = query if made.reads is not None else None
                query, pin = pinned_select(function, run.location, rows, bound, text)
            return run_hooks.publish(query, reads=made.reads, window=run.window, pin=pin)

    return function_product(function, product, registry, inputs, publish)


def function_product(
    function: ProductFunction,
    product: DataProduct,
    registry: Registry,
    inputs: Mapping[str, BoundInput],
    publish: Publish,
) -> dg.AssetsDefinition:
    """The asset of a function, which depends on products and source files. Raises DefinitionError: D050,
    D051 for changes that cannot be read, D008, D009 for an unsupported source or window."""
    require_streams(product, inputs, function.place)
    require_uses(product, function)
    require_view(product, function, inputs)
    deps = [dg.AssetDep(asset_key(source.name)) for source in function.sources.values()]
    for bound in inputs.values():
        mapping = partition_mapping(product, bound.declared, bound.product)
        deps.append(dg.AssetDep(asset_key(bound.product.id), partition_mapping=mapping))
    return product_asset(
        product,
        registry,
        reads=[bound.product for bound in inputs.values()],
        deps=deps,
        place=function.place,
        kind="sql" if function.is_component else "python",
        publish=publish,
        made_from=partial(
            parts_of_function, function, {name: bound.product for name, bound in inputs.items()}, product
        ),
        sources=function.sources.values(),
    )


def product_asset(
    product: DataProduct,
    registry: Registry,
    *,
    reads: Sequence[DataProduct],
    deps: Iterable[dg.AssetDep],
    place: Place,
    kind: str,
    publish: Publish,
    made_from: Callable[[], MadeFrom],
    sources: Iterable[Source] = (),
) -> dg.AssetsDefinition:
    """An asset around ``publish``: a materialization after publication, or failed checks without one.

    ``reads`` are products that must be published; the audit also reads the products that foreign keys refer
    to. No other lake can be read, and no other file than those of ``sources``. ``place`` is the product's
    code.
    """
    referenced = {name: registry.get(name) for name in product.referenced}
    compared = [registry.get(name) for name in product.compared]
    edges = {dep.asset_key: dep for dep in deps}
    for name in referenced:
        edges.setdefault(asset_key(name), dg.AssetDep(asset_key(name), metadata={FOREIGN_KEY: True}))
    upstream = _upstream(product, reads, edges.values())
    root = mesh_root(place.path.parent)
    page = Page(root, registry)
    made_by = origin(product, kind, root)
    code = made_by["code"]

    @dg.multi_asset(
        name=product.id.step,
        specs=[
            product_spec(product, edges.values(), [(kind, place)], kind, page, upstream=upstream, code=code)
        ],
        check_specs=check_specs(product),
        # A run over a range of partitions publishes one version.
        backfill_policy=dg.BackfillPolicy.single_run() if product.partitions else None,
    )
    def materialize(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        redaction = Redaction(product, (*reads, *referenced.values()), place, context.run.run_id)
        grid = product.partitions
        window, whole_grid = run_window(grid, context.partition_keys) if grid else (None, True)
        facts = {**made_by, "commit": commit(root), **order_of(context.run.tags)}
        stamp = Stamp(run_id=context.run.run_id, asset=product.id, facts=facts, audit_facts=checks_summary)
        parts: dict[str, dict[str, Any]] = {}

        def work() -> tuple[dg.MaterializeResult[None], list[Diagnostic]]:
            started = time.monotonic()
            audited = (*referenced.values(), *compared)
            for read in (*reads, *audited):
                require_grant(read, f"domain:{product.domain}", root)
            location = current_lakes()
            moved = shape_left_behind(location, product, root)
            if product.restricted:  # before the new version is readable
                remove_left(location, product, stamp.holder)
                remove_links(mesh_home(root), left_lake(product), product.name)
            attach = sorted({read.lake for read in (*reads, *audited)} - {product.lake})
            private = redaction.lake if redaction.applies else None
            with (
                lake.connect(write=[product.lake], read=attach) as connection,
                spill_folder(location, private) as room,
            ):
                keep_dlt_in(room)
                if redaction.applies:
                    spill_into(connection, location, private)
                folders: list[Path | str] = [
                    *(location.data(each).rstrip("/") for each in (product.lake, *attach)),
                    ProductFiles(location, product).folder,
                    room,
                ]
                lock_down(connection, files=files_of(sources), folders=folders)
                if lost := published_by_lost_run(connection, product, context.run.tags, window):
                    return published_result(product.id, *lost), []
                require_published(connection, reads, product.id)
                versions = stamp.facts["inputs"] = versions_read(connection, reads)
                before = stamps(connection, product.lake, product.id, limit=1)
                previous = next((facts for *_, facts in before), None)
                prints = fingerprints(product, kind, root, made_by, made_from)
                stamp.facts["made_from"] = prints and of_all_partitions(
                    prints.facts, previous, product, None if whole_grid else window
                )
                known: dict[str, DataProduct] = {read.id: read for read in (*audited, *reads)}
                files = [
                    (read, file)
                    for read in known.values()
                    for file in whole_files(location, connection, read)
                ]
                resolve = partial(published_table, connection, known, versions)
                run = RunContext(
                    product,
                    connection,
                    location,
                    window,
                    whole_grid,
                    replace(stamp, require=break_guard(connection, product, root, moved)),
                    gate(connection, product, window=window, resolve=resolve),
                    resolve,
                    redaction,
                    room,
                    versions,
                )
                with report_damage(location, files), explaining_lost_columns(connection, reads):
                    publication = publish(run)
                [(_, _, made)] = stamps(connection, product.lake, product.id, version=publication.version)
                outcomes = publication.audited
                preview, seconds = redaction.shows_rows(outcomes), time.monotonic() - started
                facts_of_version = publication_metadata(
                    connection, product, publication, window, seconds, preview
                )
                # The UI shows them in this order; the platform's values win.
                metadata = (
                    facts_of_version
                    | (run.function_metadata if redaction.shows_all(outcomes) else {})
                    | run.metadata
                    | facts_of_version
                    | inputs_metadata(
                        connection,
                        run.readings
                        or [VersionRead(read, versions[read.id]) for read in reads if read.id in versions],
                        versions_read(connection, referenced.values()),
                    )
                )
                metadata |= column_facts(run, publication.version, preview)
                metadata |= changed_columns(made, previous)
                metadata |= column_lineage(prints.prints) if prints else {}
                if window is not None:
                    parts.update(parts_metadata(connection, product, window, preview))
            if not product.restricted:  # after the new version is readable
                remove_left(location, product, stamp.holder)
            content = data_version(made)
            return dg.MaterializeResult(
                asset_key=asset_key(product.id),
                data_version=dg.DataVersion(content) if content else None,
                metadata=metadata,
                check_results=[
                    check_result(asset_key(product.id), each) for each in redaction.outcomes(outcomes)
                ],
            ), run.faults

        failure: BaseException | None = None
        refused: Outcomes = ()
        try:
            result, faults = redaction.work(work)
        except BaseException as error:  # noqa: BLE001 - raised again below, redacted
            refused = error.outcomes if isinstance(error, ContractBroken) else ()
            failure = redaction.failure(interrupted(error))
        if failure is not None:
            yield from failed_run(context, lake, product, failure, redaction.outcomes(refused))
            return
        for key, of_partition in parts.items():
            context.add_asset_metadata(of_partition, partition_key=key)
        yield result
        if INVOCATION_TAG not in context.run.tags:  # `mesh run` refreshes once, at its end
            for fault in refresh_attached(root):
                context.log.warning(fault.render())
        if faults:
            raise redaction.failed(faults)

    return materialize


def _upstream(product: DataProduct, reads: Sequence[DataProduct], edges: Iterable[dg.AssetDep]) -> Upstream:
    grids = {asset_key(read.id) for read in reads if read.partitions}
    return Upstream(
        read=bool(reads),
        checked_against=tuple(edge.asset_key for edge in edges if FOREIGN_KEY in (edge.metadata or {})),
        by_partition=tuple(
            edge.asset_key
            for edge in edges
            if product.partitions
            and edge.asset_key in grids
            and not isinstance(edge.partition_mapping, dg.LastPartitionMapping)
        ),
    )
