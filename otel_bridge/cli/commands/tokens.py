"""
`otel-bridge tokens`: how many tokens the calls took, by whatever groups are asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge.cli.formats import Format, Spark
from otel_bridge.cli.reports import group_keys, print_result, report, total_row, with_whole_run
from otel_bridge.cli.summed import summed


def tokens(
    *,
    db: str,
    form: Format,
    by: Sequence[str],
    filters: Mapping[str, Any],
    limit: int | None,
    spark: Spark | None = None,
) -> int:
    """
    Print the token report; the last line of a table is the total over all groups.
    """
    keys = group_keys(by)
    chosen = with_whole_run(db, filters)

    found = report(
        db,
        lambda queries: summed(
            queries.tokens, keys, "total_tokens", chosen, limit=limit, form=form, spark=spark
        ),
        about="llm_calls",
    )
    print_result(
        found.result,
        form,
        empty="no model calls match",
        total=total_row(keys, [found.total]) if keys and found.total else None,
        figures=True,
        bar="total_tokens",
        sparks=found.sparks,
    )
    return 0
