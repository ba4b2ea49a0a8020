"""
The sums that a span tells of the calls inside it, beside what these calls add up to.

Nothing is counted by such sums; where they differ from the calls, a call is missing or
was read wrongly, or the sums are of something else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_storage.explaining import TOTALS, SpanExplained
from otel_bridge_storage.same_calls import CallMember

from otel_bridge.dialects.told_sums import told_sums

AGREES, DIFFERS, ALONE = "agrees", "differs", "no call tells"


def checked_sums(found: SpanExplained) -> list[dict[str, Any]]:
    """
    Compare the sums of an agent's span, or of one that sums up calls, with the calls.

    Returns:
        For each sum that is told: `calls` is what the calls of the run itself, or inside
        the span, add up to, `with_runs_below` the same with all runs below.
    """
    if found.totals is not None:
        told = [(each.field, each.tokens, each.attribute) for each in told_sums(found.span)]
        return _compared(told, found.totals.own, found.totals.family)
    if found.call is not None and len(found.counted) > 1:
        inside = {name: _sum(found.counted, name) for name in TOTALS}
        sums = [(name, found.call.columns[name], None) for name in TOTALS]
        return _compared([each for each in sums if each[1] is not None], inside, inside)
    return []


def _compared(
    told: Sequence[tuple[str, int, str | None]],
    own: Mapping[str, int | None],
    family: Mapping[str, int | None],
) -> list[dict[str, Any]]:
    return [
        {
            "field": name,
            "told": tokens,
            "calls": own[name],
            "with_runs_below": family[name],
            "verdict": _verdict(tokens, own[name], family[name]),
            "from": attribute,
        }
        for name, tokens, attribute in told
    ]


def _verdict(told: int, own: int | None, family: int | None) -> str:
    if family is None:
        return ALONE if told else AGREES
    return AGREES if told in (own, family) else DIFFERS


def _sum(calls: Sequence[CallMember], name: str) -> int | None:
    known = [call.columns[name] for call in calls if call.columns[name] is not None]
    return sum(known) if known else None
