"""
`otel-bridge tokens`: how many tokens the calls took, by whatever groups are asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_queries import Queries, Result

from otel_bridge.cli.formats import Format, Spark
from otel_bridge.cli.reports import group_keys, print_result, report, total_row, with_whole_run
from otel_bridge.cli.sparks import Sparks, sparks


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

    def all_three(queries: Queries) -> tuple[Result, Result, Sparks | None]:
        result = queries.tokens(by=keys, **chosen, limit=limit)
        drawn = sparks(
            lambda by: queries.tokens(by=by, **chosen),
            keys,
            "total_tokens",
            asked=spark,
            form=form,
            since=chosen.get("since"),
        )
        return result, queries.tokens(by=[], **chosen), drawn

    result, totals, drawn = report(db, all_three, about="llm_calls")
    total = total_row(keys, totals.dicts()) if keys else None
    print_result(
        result,
        form,
        empty="no model calls match",
        total=total,
        figures=True,
        bar="total_tokens",
        sparks=drawn,
    )
    return 0
