"""
How long a thread lives after its last update, and what happens then.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.moments import moment
from otel_bridge_storage.paging import bounded
from otel_bridge_storage.threads.arguments import fields_of, one_of

DELETE, KEEP_LATEST = "delete", "keep_latest"
_NS_PER_MINUTE = 60 * 10**9
_NS_PER_US = 1000


@dataclass(frozen=True, slots=True)
class ThreadTtl:
    """
    A thread's time to live.

    Attributes:
        ttl: Minutes after the thread's last update; None if it lives on.
        strategy: "delete" removes the thread with its runs. "keep_latest" keeps the
            thread and its newest run, removes the older runs, and begins a new term.
    """

    ttl: float | None
    strategy: Literal["delete", "keep_latest"] = "delete"


@dataclass(frozen=True, slots=True)
class Term:
    """
    A time to live as it is stored.

    Attributes:
        length_ns: Nanoseconds, in whole microseconds.
    """

    strategy: str
    length_ns: int


def term_of(ttl: Any) -> Term | None:
    """
    Read a `ThreadTtl`, or an object or dict with its fields.

    Raises:
        QueryError: The time is not a number above 0, or there is no such strategy.
    """
    if ttl is None:
        return None
    fields = fields_of(ttl, ("ttl", "strategy"), "ttl")
    strategy = one_of(fields.get("strategy") or DELETE, (DELETE, KEEP_LATEST), "ttl.strategy")
    minutes = fields.get("ttl")
    if minutes is None:
        return None
    number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
    if not number or not math.isfinite(minutes) or minutes <= 0:
        raise QueryError(f"ttl.ttl={minutes!r} is no time to live: give minutes, above 0")
    microseconds = max(1, round(minutes * _NS_PER_MINUTE / _NS_PER_US))
    return Term(strategy, bounded(microseconds * _NS_PER_US))


def end_of(length_ns: int | None, updated_ns: int) -> int | None:
    """
    Say when a thread expires that was updated at some moment.
    """
    return None if length_ns is None else bounded(updated_ns + length_ns)


def renewed(expires_ns: int, length_ns: int, now_ns: int) -> int:
    """
    Say when the term ends that is under way now, after others that ended.

    Terms follow each other without a gap, so that it does not matter when somebody looks.
    """
    if expires_ns > now_ns:
        return expires_ns
    terms = (now_ns - expires_ns) // length_ns + 1
    return bounded(expires_ns + terms * length_ns)


def shown(strategy: str, length_ns: int, expires_ns: int) -> dict[str, Any]:
    """
    Give a time to live as a thread's row shows it.
    """
    minutes = length_ns / _NS_PER_MINUTE
    return {
        "strategy": strategy,
        "ttl_minutes": int(minutes) if minutes.is_integer() else minutes,
        "expires_at": moment(expires_ns).isoformat(),
    }
