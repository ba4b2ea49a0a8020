"""
What one span says of a call, and what two of them have in common.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel_bridge_storage.readings import LOG_TOLD

UNKNOWN_TOOL = "unknown"


@dataclass(frozen=True, slots=True)
class CallSpan:
    """
    One LLM span among those that may show the same call.

    Attributes:
        outer: The LLM span around it, if it is inside one.
        grounds: What its run rests on: 2 an agent's span, 1 a session, 0 its trace alone.
        rank: Which to believe first; the same on every machine and in every order.
        columns: What the span says.
    """

    id: int
    outer: int | None
    grounds: int
    rank: tuple[Any, ...]
    columns: Mapping[str, Any]


def start_of(member: CallSpan) -> tuple[Any, ...]:
    """
    Order by the start.
    """
    return (member.columns["start_ns"], member.rank)


def time_of(member: CallSpan) -> tuple[Any, ...]:
    """
    Order by the end, which is when a log record is made.
    """
    columns = member.columns
    ended = columns["end_ns"] is not None
    return (columns["end_ns"] if ended else columns["start_ns"], member.rank)


def same_tool(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """
    Whether two spans may show one execution of a tool, by their ids and names.
    """
    ids = {one["tool_call_id"], other["tool_call_id"]} - {None}
    names = {one["tool_name"], other["tool_name"]} - {UNKNOWN_TOOL}
    return len(names) < 2 and len(ids) < 2


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """
    Whether two spans overlap in time.
    """
    return bool(one["start_ns"] <= end_of(other) and other["start_ns"] <= end_of(one))


def are_copies(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """
    Whether two spans with one response id show one call: they overlap in time and come from
    different sources.
    """
    return from_two_sources(one, other) and overlap(one, other)


def from_two_sources(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """
    Whether two scopes, or a span and a log record, tell of something.
    """
    return one["scope"] != other["scope"] or is_log_told(one) != is_log_told(other)


def is_log_told(columns: Mapping[str, Any]) -> bool:
    """
    Whether a log record tells it.
    """
    return bool(columns["precedence"] == LOG_TOLD)


def end_of(columns: Mapping[str, Any]) -> float:
    """
    Give the end of a span, which for an open one is after all others.
    """
    return float("inf") if columns["end_ns"] is None else columns["end_ns"]
