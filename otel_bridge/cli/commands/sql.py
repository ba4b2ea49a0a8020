"""
`otel-bridge sql`: any question, in SQL, read only.
"""

import sys

from otel_bridge.cli.formats import Format
from otel_bridge.cli.reports import answer, print_result


def sql(*, db: str, form: Format, query: str) -> int:
    """
    Print the rows of one SQL query.

    Args:
        db: The database.
        form: The form.
        query: The query; `-` reads it from standard input.
    """
    text = sys.stdin.read() if query == "-" else query
    result = answer(db, lambda queries: queries.sql(text))
    print_result(result, form, empty="the query gave no rows")
    return 0
