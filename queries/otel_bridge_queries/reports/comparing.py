"""
Reports that set two periods, models, tags or other choices of calls side by side.
"""

from collections.abc import Mapping
from typing import Any, Unpack

from otel_bridge_queries import catalog
from otel_bridge_queries.question import Question
from otel_bridge_queries.reports.asking import Asking, for_keys, shown
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters, Names, group_keys, row_count

# What is 0 on a side without a call; the others are not known there.
_SUMS = ("calls", "input_tokens", "output_tokens", "cost_picousd")
_MEASURES = (*_SUMS, "p50_ms", "p95_ms", "error_rate")
_NOTHING = dict.fromkeys((*_SUMS, "unpriced_calls"), 0)
_PICO = 10**12

Row = Mapping[str, Any]


class ComparingReports(Asking):
    """
    Two choices of calls, side by side.
    """

    def compare(
        self,
        a: Filters,
        b: Filters,
        by: Names = (),
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Compare the LLM calls of two periods, models, tags or any other two choices.

        Both sides are as of the same moment. A side without calls in a group has calls,
        tokens and cost of 0, and no latency and error rate. The groups whose cost differs
        most come first.

        Args:
            a: The filters of the first side, such as `{"since": "14d", "until": "7d"}`.
            b: Those of the second, such as `{"since": "7d"}`.
            filters: What both sides are narrowed by; a side's own filter goes before.

        Returns:
            The keys, then for each of calls, input_tokens, output_tokens, cost_usd,
            p50_ms, p95_ms (of the durations) and error_rate four columns: the measure
            with _a, _b, _difference (b less a) and _ratio (b through a; None where a is
            0 or a side is not known); and unpriced_calls_a and unpriced_calls_b, which
            the costs leave out.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        report = catalog.COMPARED
        keys = group_keys(by, report.keys)
        rows = row_count("limit", limit, least=1)
        questions = [
            Question(keys, self._filters(report, {**filters, **side}, timezone), timezone)
            for side in (a, b)
        ]
        found = self._run_each(report, questions, {"limit": None}, relations=for_keys(keys))
        one, other = map(shown, found, questions)
        return _side_by_side(one, other, keys, rows)


def _side_by_side(a: Result, b: Result, keys: list[str], limit: int | None) -> Result:
    groups = [_by_key(side, keys) for side in (a, b)]
    both = dict.fromkeys([*groups[0], *groups[1]], None) if keys else {(): None}
    rows = [
        (key, _compared(groups[0].get(key, _NOTHING), groups[1].get(key, _NOTHING)))
        for key in both
    ]
    rows.sort(key=lambda row: _most_changed_first(row[1]))
    columns = [f"{name}_{part}" for name in _shown_names() for part in _parts(name)]
    places = [a.columns.index(key) for key in keys]
    return Result(
        (*keys, *columns),
        (*(a.types[place] for place in places), *map(_type_of, columns)),
        [(*key, *(measures[name] for name in columns)) for key, measures in rows[:limit]],
    )


def _by_key(side: Result, keys: list[str]) -> dict[tuple[Any, ...], Row]:
    return {tuple(row[key] for key in keys): row for row in side}


def _shown_names() -> list[str]:
    return [name.replace("picousd", "usd") for name in _MEASURES] + ["unpriced_calls"]


def _parts(name: str) -> tuple[str, ...]:
    sides = ("a", "b")
    return sides if name == "unpriced_calls" else (*sides, "difference", "ratio")


def _type_of(column: str) -> str:
    if column.endswith("_ratio") or column.startswith(("cost_", "p50_", "p95_", "error_")):
        return "DOUBLE"
    return "HUGEINT" if "tokens" in column else "BIGINT"


def _compared(a: Row, b: Row) -> dict[str, Any]:
    told: dict[str, Any] = {
        "unpriced_calls_a": a["unpriced_calls"],
        "unpriced_calls_b": b["unpriced_calls"],
    }
    for name in _MEASURES:
        values = _parted(a.get(name), b.get(name))
        shown_name = name.replace("picousd", "usd")
        if name != shown_name:
            values |= {part: _usd(values[part]) for part in ("a", "b", "difference")}
        told |= {f"{shown_name}_{part}": value for part, value in values.items()}
    return told


def _parted(one: Any, other: Any) -> dict[str, Any]:
    known = one is not None and other is not None
    return {
        "a": one,
        "b": other,
        "difference": other - one if known else None,
        "ratio": other / one if known and one else None,
    }


def _usd(picousd: int | None) -> float | None:
    return None if picousd is None else picousd / _PICO


def _most_changed_first(row: Row) -> tuple[float, int]:
    change = row["cost_usd_difference"]
    return (-abs(change or 0), -abs(row["calls_difference"]))
