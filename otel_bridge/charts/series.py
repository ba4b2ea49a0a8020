"""
Rows of a report as what a chart draws: groups, and groups over time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from otel_bridge.charts.measures import Measure, known
from otel_bridge.charts.periods import Period, all_periods

UNNAMED = "–"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """
    One group with its figure.

    Attributes:
        label: What it is called.
        value: Its figure; None where it is not known.
        unpriced: How many calls its cost leaves out.
        rest: It stands for all the groups that are not shown.
    """

    label: str
    value: float | None
    unpriced: int = 0
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """
    One group over time.

    Attributes:
        label: What it is called.
        values: A figure for each period; None where it is not known.
        unpriced: How many calls the cost of each period leaves out.
        rest: It stands for all the groups that are not shown.
    """

    label: str
    values: tuple[float | None, ...]
    unpriced: tuple[int, ...]
    rest: bool = False


def group_label(row: Row, keys: Sequence[str]) -> str:
    """
    Name the group of a row by its keys.
    """
    return " · ".join(UNNAMED if row[key] in (None, "") else str(row[key]) for key in keys)


def ranked(rows: Iterable[Row], keys: Sequence[str], measure: Measure, top: int) -> list[Group]:
    """
    Give the groups with the largest figures, and the others as one where they add up.
    """
    groups = [
        Group(group_label(row, keys), known(row[measure.name]), _unpriced(row, measure))
        for row in rows
    ]
    groups.sort(key=lambda group: (group.value is None, -(group.value or 0.0), group.label))
    if len(groups) <= top + 1:
        return groups
    shown, others = groups[:top], groups[top:]
    if not measure.adds_up:
        return shown
    value = _sum(group.value for group in others)
    unpriced = sum(group.unpriced for group in others)
    return [*shown, Group(f"{len(others):,} others", value, unpriced, rest=True)]


def over_time(
    rows: Sequence[Row], keys: Sequence[str], period: Period, measure: Measure, top: int
) -> tuple[list[datetime], list[Series]]:
    """
    Give the groups with the largest figures over time, and the others as one.

    A period without a row is 0 where figures add up, and unknown where they do not.
    """
    starts = all_periods((row[period] for row in rows if row[period] is not None), period)
    places = {start.astimezone(UTC): place for place, start in enumerate(starts)}
    empty = 0.0 if measure.adds_up else None
    values: dict[tuple[Any, ...], list[float | None]] = {}
    unpriced: dict[tuple[Any, ...], list[int]] = {}
    labels: dict[tuple[Any, ...], str] = {}
    for row in rows:
        if row[period] is None:
            continue
        group = tuple(row[key] for key in keys)
        place = places[row[period].astimezone(UTC)]
        labels[group] = group_label(row, keys)
        values.setdefault(group, [empty] * len(starts))[place] = known(row[measure.name])
        unpriced.setdefault(group, [0] * len(starts))[place] = _unpriced(row, measure)
    named = [
        Series(label, tuple(values[group]), tuple(unpriced[group]))
        for group, label in labels.items()
    ]
    named.sort(key=lambda series: (-_size(series), series.label))
    return starts, named if len(named) <= top + 1 else _with_rest(named, top, measure)


def _with_rest(named: Sequence[Series], top: int, measure: Measure) -> list[Series]:
    if not measure.adds_up:
        return list(named[:top])
    others = named[top:]
    rest = Series(
        f"{len(others):,} others",
        tuple(map(_sum, zip(*(series.values for series in others), strict=True))),
        tuple(map(sum, zip(*(series.unpriced for series in others), strict=True))),
        rest=True,
    )
    return [*named[:top], rest]


def _size(series: Series) -> float:
    return sum(abs(value) for value in series.values if value is not None)


def _sum(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def _unpriced(row: Row, measure: Measure) -> int:
    return int(row.get("unpriced_calls") or 0) if measure.unit == "usd" else 0
