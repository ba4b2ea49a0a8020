"""
`otel-bridge cost`: what the calls cost, by whatever groups are asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import typer
from otel_bridge_queries import Queries, Result

from otel_bridge.cli.cost_tables import print_check, print_unpriced
from otel_bridge.cli.formats import Format, Spark
from otel_bridge.cli.output import note
from otel_bridge.cli.reports import group_keys, print_result, report, total_row, with_whole_run
from otel_bridge.cli.summed import Summed, summed
from otel_bridge.cli.texts import counted, text

_REASONS_SHOWN = 20


def cost(
    *,
    db: str,
    form: Format,
    by: Sequence[str] | None,
    filters: Mapping[str, Any],
    limit: int | None,
    unpriced: bool = False,
    emitted: bool = False,
    spark: Spark | None = None,
) -> int:
    """
    Print the cost report, or what belongs to it.

    The last line of a table is the total over all groups, those that a limit leaves
    out included; it counts a call once, also where groups overlap as tags do.

    Args:
        by: The group keys; None for those that are usual.
        unpriced: Print the calls without a price instead, by reason.
        emitted: Print the cost that the telemetry claims beside ours instead.
        spark: What one character of the sparklines in a table stands for.
    """
    if unpriced and emitted:
        raise typer.BadParameter("--unpriced and --emitted are two reports: give one of them")
    chosen = with_whole_run(db, filters)
    if unpriced:
        keys = group_keys(by or ["provider", "model"])
        result = report(db, lambda queries: queries.unpriced(by=keys, **chosen, limit=limit))
        print_unpriced(result, keys, form, empty="no model call without a price matches")
    elif emitted:
        _print_check(db, form, group_keys(by or ["source"]), chosen, limit)
    else:
        _print_cost(db, form, group_keys(by or ["model"]), chosen, limit, spark)
    return 0


def _print_cost(
    db: str,
    form: Format,
    keys: Sequence[str],
    chosen: Mapping[str, Any],
    limit: int | None,
    spark: Spark | None,
) -> None:
    def with_reasons(queries: Queries) -> tuple[Summed, Result | None]:
        found = summed(queries.cost, keys, "cost_usd", chosen, limit=limit, form=form, spark=spark)
        left_out = found.result.rows and found.total and found.total["unpriced_calls"]
        told = form is Format.TABLE and left_out
        return found, queries.unpriced(**chosen) if told else None

    found, unpriced = report(db, with_reasons, about="llm_calls")
    print_result(
        found.result,
        form,
        empty="no model calls match",
        total=total_row(keys, [found.total]) if keys and found.total else None,
        figures=True,
        bar="cost_usd",
        sparks=found.sparks,
    )
    if unpriced is not None and found.total is not None:
        _say_what_is_unpriced(found.total, unpriced)


def _say_what_is_unpriced(total: Mapping[str, Any], unpriced: Result) -> None:
    left_out, calls = total["unpriced_calls"], total["llm_calls"]
    noun = "call" if calls == 1 else "calls"
    has, are = ("has", "is") if left_out == 1 else ("have", "are")
    note(f"{left_out:,} of {calls:,} {noun} {has} no known price and {are} not in the cost:")
    for row in unpriced.dicts()[:_REASONS_SHOWN]:
        whose = f"{text(row['provider'])} {text(row['model'])}"
        note(f"{counted(row['unpriced_calls'], 'call')} of {whose}: {text(row['reason'])}")
    if len(unpriced) > _REASONS_SHOWN:
        more = len(unpriced) - _REASONS_SHOWN
        note(f"and {more} more of this kind: otel-bridge cost --unpriced lists all")


def _print_check(
    db: str, form: Format, keys: Sequence[str], chosen: Mapping[str, Any], limit: int | None
) -> None:
    def both(queries: Queries) -> tuple[Result, Result]:
        result = queries.cost_check(by=keys, **chosen, limit=limit)
        return result, queries.cost_check(by=[], **chosen)

    result, totals = report(db, both, about="llm_calls")
    total = totals.dicts()[0]
    print_check(result, keys, form, total=total_row(keys, [total]) if keys else None)
    if form is Format.TABLE and result.rows and total["compared_calls"] < total["llm_calls"]:
        compared, calls = total["compared_calls"], total["llm_calls"]
        note(
            f"the sums are over the {compared:,} of {calls:,} calls that "
            "have both a price and a claim; otel-bridge cost sums all that have a price"
        )
