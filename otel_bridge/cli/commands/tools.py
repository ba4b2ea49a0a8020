"""
`otel-bridge tools`: how often each tool ran, failed, and how long it took.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge.cli.formats import Format
from otel_bridge.cli.reports import print_result, report, with_whole_run


def tools(*, db: str, form: Format, filters: Mapping[str, Any], limit: int | None) -> int:
    """
    Print the report on tools.
    """
    chosen = with_whole_run(db, filters)
    result = report(db, lambda queries: queries.tools(**chosen, limit=limit))
    print_result(result, form, empty="no tool calls match", figures=True)
    return 0
