"""
The columns of a table that are drawn: each group's share as a bar, and its way over time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge.charts.measures import known
from otel_bridge.cli.bars import BLOCKS, bar, spark
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import draws
from otel_bridge.cli.sparks import Sparks
from otel_bridge.cli.tables import Row

_BAR = "_share"
_SPARK = "_spark"
_WIDTH = 8


def with_drawings(
    rows: Sequence[Row], measure: str | None, whole: float | None, sparks: Sparks | None
) -> list[dict[str, Any]]:
    """
    Give the rows with their bars and sparklines as text.

    Args:
        rows: The rows of a report.
        measure: The figure whose share of the whole is drawn; None for no bars.
        whole: The figure of all groups, those that are not shown too; None if all are.
        sparks: The sparklines.
    """
    blocks = draws(BLOCKS)
    drawn = [dict(row) for row in rows]
    if measure is not None and len(rows) > 1:
        figures = [known(row.get(measure)) for row in rows]
        largest = max((figure or 0.0 for figure in figures), default=0.0)
        whole = known(whole) or sum(figure or 0.0 for figure in figures)
        if largest > 0:
            for row, figure in zip(drawn, figures, strict=True):
                row[_BAR] = _bar(figure, largest, whole, blocks=blocks)
    if sparks is not None:
        for row in drawn:
            along = sparks.values.get(_group(row, sparks), ())
            row[_SPARK] = spark(along, blocks=blocks).rstrip()
    return drawn


def drawing_columns(rows: Sequence[Row], sparks: Sparks | None) -> list[Column]:
    """
    Give the columns of what was drawn into the rows.
    """
    columns = []
    if any(_BAR in row for row in rows):
        columns.append(Column(key=_BAR, header="share", show=_as_is, rank=8))
    if sparks is not None:
        columns.append(Column(key=_SPARK, header=sparks.header, show=_as_is, rank=4))
    return columns


def _bar(figure: float | None, largest: float, whole: float, *, blocks: bool) -> str:
    if figure is None:
        return ""
    drawn = bar(figure / largest, _WIDTH, blocks=blocks).ljust(_WIDTH)
    return f"{drawn} {figure / whole:4.0%}"


def _group(row: Mapping[str, Any], sparks: Sparks) -> tuple[Any, ...]:
    return tuple(row[key] for key in sparks.keys)


def _as_is(value: Any) -> str:
    return value or ""
