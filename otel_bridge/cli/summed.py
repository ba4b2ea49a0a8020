"""
A report in groups with what people see beside it: the total, and the groups over time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otel_bridge_queries import Result

from otel_bridge.cli.formats import Format, Spark
from otel_bridge.cli.sparks import Sparks, sparks


@dataclass(frozen=True, slots=True)
class Summed:
    """
    A report in groups.

    Attributes:
        total: The report without groups; None where the form shows none.
        sparks: The sparklines of a table; None where there are none.
    """

    result: Result
    total: Mapping[str, Any] | None
    sparks: Sparks | None


def summed(
    ask: Callable[..., Result],
    keys: Sequence[str],
    measure: str,
    filters: Mapping[str, Any],
    *,
    limit: int | None,
    form: Format,
    spark: Spark | None,
) -> Summed:
    """
    Ask for a report in groups, and for what the form shows beside them.

    Args:
        ask: A report of `Queries`.
        measure: The figure of the sparklines.
        spark: What one character of them stands for.
    """
    for_people = form in (Format.TABLE, Format.MD)
    return Summed(
        result=ask(by=keys, **filters, limit=limit),
        total=ask(by=[], **filters).dicts()[0] if for_people else None,
        sparks=sparks(
            lambda by: ask(by=by, **filters),
            keys,
            measure,
            asked=spark,
            form=form,
            since=filters.get("since"),
        ),
    )
