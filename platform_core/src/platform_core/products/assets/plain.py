"""Owners, SLA and standard checks for a plain ``@dg.asset``, which is not a data product."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import dagster as dg

from platform_core.contracts.bounds import Bounds, Scalar
from platform_core.contracts.model import Rule
from platform_core.diagnostics import Place, UsageError
from platform_core.lake.lakes import current_lakes
from platform_core.odcs.rules.column_rules import join_name
from platform_core.odcs.rules.rule_fields import column_word
from platform_core.products.catalog.spec import check_spec
from platform_core.products.resource import LakeResource
from platform_core.products.run.report import check_result
from platform_core.quality.audit import audit
from platform_core.words import is_address, slug

Limits = tuple[Scalar | None, Scalar | None]


def owners(*teams: str) -> list[str]:
    """Owners for an asset: team slugs (``sales-analytics``) or e-mail addresses. Raises UsageError U010
    for anything else."""
    found = []
    for team in teams:
        name = team.removeprefix("team:")
        if not (is_address(team) or slug(name, "-") == name):
            expected = "a team's slug such as sales-analytics, or an e-mail address"
            fix = "Use a slug from governance/teams.yaml."
            raise UsageError.of("U010", f'"{team}" is not an owner', _caller(), expected, fix)
        found.append(team if "@" in team else f"team:{name}")
    return found


def sla(
    *,
    deadline: str | None = None,
    within: timedelta,
    timezone: str = "UTC",
    warn_after: timedelta | None = None,
) -> dg.FreshnessPolicy:
    """A freshness policy: by each tick of the cron line ``deadline``, or never older than ``within``.

    With a deadline, ``within`` is how long before the tick the refresh may have happened.
    """
    if deadline is not None:
        return dg.FreshnessPolicy.cron(deadline_cron=deadline, lower_bound_delta=within, timezone=timezone)
    return dg.FreshnessPolicy.time_window(fail_window=within, warn_window=warn_after)


def checks(
    asset: dg.AssetsDefinition | str,
    table: str,
    *,
    not_null: Iterable[str] = (),
    unique: Iterable[str | Sequence[str]] = (),
    accepted_values: Mapping[str, Sequence[Scalar]] | None = None,
    in_range: Mapping[str, Limits] | None = None,
    length: Mapping[str, Limits] | None = None,
    pattern: Mapping[str, str] | None = None,
    row_count: Limits | None = None,
    sql: Mapping[str, str] | None = None,
) -> dg.AssetChecksDefinition:
    """The standard checks for an asset with a table in a lake; they run after the asset, in the same run.

    ``table`` is the full name, ``sales.internal.scratch``. Limits are inclusive pairs; None is open. A query
    in ``sql`` returns the number of violations; ``{table}`` stands for the table.
    """
    place = _caller()
    rules: list[Rule] = []

    def add(kind: str, columns: Sequence[str], **details: object) -> None:
        name = join_name(kind, *columns)
        rules.append(Rule(name=name, kind=kind, place=place, columns=tuple(columns), **details))  # type: ignore[arg-type]

    for column in not_null:
        add("not_null", [column])
    for columns in unique:
        add("unique", [columns] if isinstance(columns, str) else columns)
    for column, values in (accepted_values or {}).items():
        add("accepted_values", [column], values=tuple(values))
    for column, limits in (in_range or {}).items():
        add("range", [column], limits=Bounds(*limits))
    for column, limits in (length or {}).items():
        add("length", [column], limits=Bounds(*limits))
    for column, expression in (pattern or {}).items():
        add("pattern", [column], pattern=expression)
    if row_count is not None:
        add("row_count", [], limits=Bounds(*row_count))
    for name, query in (sql or {}).items():
        rules.append(Rule(column_word(name), "sql", place, query=query, limits=Bounds(maximum=0)))

    key = asset.key if isinstance(asset, dg.AssetsDefinition) else dg.AssetKey.from_user_string(asset)
    lake_name = table.split(".")[0]

    @dg.multi_asset_check(
        name=f"{'__'.join(key.path)}__checks", specs=[check_spec(rule, key) for rule in rules]
    )
    def check(lake: LakeResource) -> Iterable[dg.AssetCheckResult]:
        private = current_lakes().is_private(lake_name)
        with lake.connect(read=[lake_name]) as connection:
            for outcome in audit(connection, rules, table, resolve=lambda _: None):
                yield check_result(key, outcome.in_counts() if private else outcome)

    return check


def _caller() -> Place:
    """The line of the domain's code that called."""
    frame = inspect.stack()[2]
    return Place(Path(frame.filename), frame.lineno)
