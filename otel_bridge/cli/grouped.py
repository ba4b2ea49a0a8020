"""
Reports in groups, printed: the keys, then figures as people read them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otel_bridge_queries import Result

from otel_bridge.cli.calendar import with_periods
from otel_bridge.cli.destination import write_binary
from otel_bridge.cli.formats import BINARY, Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import write_rows
from otel_bridge.cli.tables import Row
from otel_bridge.cli.texts import UNKNOWN, text

_LEAST_TEXT = 8
_IDS = frozenset({"run_id", "session_id", "root_run_id", "parent_run_id"})


def print_grouped(
    result: Result,
    keys: Sequence[str],
    figures: Iterable[Column],
    form: Format,
    *,
    empty: str,
    total: Row | None = None,
    added: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """
    Print a report.

    Args:
        result: The report.
        keys: Its columns that tell the rows apart, as far as a table shows them.
        figures: The other columns of a table.
        form: JSON and CSV hold every column of the report.
        empty: What to say where there is no row.
        total: A last line for people.
        added: For each row, what a table shows beside the report's own columns.
    """
    if form in BINARY:
        write_binary(result, form)
        return
    rows = [with_periods(row) for row in result]
    if added is not None and form in (Format.TABLE, Format.MD):
        rows = [{**row, **more} for row, more in zip(rows, added, strict=True)]
    columns = [*map(key_column, keys), *figures]
    write_rows(rows, columns, form, empty=empty, keys=result.columns, total=total)


def key_column(key: str) -> Column:
    """
    Give the column of a group key.
    """
    return Column(key=key, header=key, show=_group, least=_LEAST_TEXT, prefix=key in _IDS)


def _group(value: Any) -> str:
    return "" if value == "" else UNKNOWN if value is None else text(value)
