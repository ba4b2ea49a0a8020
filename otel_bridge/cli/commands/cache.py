"""
`otel-bridge cache`: how much of the input came from a cache.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge.cli.analysis_columns import CACHE
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.reports import group_keys, report, with_whole_run


def cache(
    *, db: str, form: Format, by: Sequence[str], filters: Mapping[str, Any], limit: int | None
) -> int:
    """
    Print the report.
    """
    keys = group_keys(by)
    chosen = with_whole_run(db, filters)
    result = report(db, lambda queries: queries.cache(by=keys, **chosen, limit=limit))
    print_grouped(result, keys, CACHE, form, empty="no model calls match")
    return 0
