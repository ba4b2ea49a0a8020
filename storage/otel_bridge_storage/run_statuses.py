"""
How a run may stand.
"""

from collections.abc import Iterable

from otel_bridge_storage.errors import QueryError

RUNNING, INTERRUPTED = "running", "interrupted"
STATUSES = (RUNNING, "paused", "success", "error", "cancelled", INTERRUPTED)


def statuses(wanted: str | Iterable[str]) -> set[str]:
    """
    Give one status or several as a set.

    Raises:
        QueryError: One of them is unknown.
    """
    if not isinstance(wanted, Iterable):
        raise QueryError(f"status={wanted!r} is neither a text nor a list of texts")
    each = [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = sorted(str(one) for one in each if one not in STATUSES)
    if unknown:
        raise QueryError(f"no run has status {unknown[0]!r}: there are {', '.join(STATUSES)}")
    return set(each)
