"""
Stored numbers as people use them: nanoseconds as datetimes, picodollars as dollars.
"""

from datetime import UTC, datetime, timedelta

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.paging import bounded

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_MS = 1_000_000
PICO = 10**12


def moment(time_ns: int) -> datetime:
    """
    Give nanoseconds since the epoch as an aware datetime in UTC, cut to microseconds.
    """
    return EPOCH + timedelta(microseconds=time_ns // 1000)


def moment_or_none(time_ns: int | None) -> datetime | None:
    """
    Give the same, or None for a time that is not known.
    """
    return None if time_ns is None else moment(time_ns)


def nanoseconds(time: datetime, name: str) -> int:
    """
    Give an aware datetime, of any UTC offset, as nanoseconds since the epoch.

    What is before 1677 or after 2262 becomes the first or the last of the moments that
    a database can hold.

    Args:
        name: What to call the argument in the error.

    Raises:
        QueryError: It is no datetime, or has no UTC offset.
    """
    if not isinstance(time, datetime):
        raise QueryError(
            f"{name}={time!r} is not a moment: "
            "give an aware datetime, such as datetime.now(timezone.utc)"
        )
    if time.utcoffset() is None:
        raise QueryError(
            f"{name}={time.isoformat()} has no time zone: "
            "give an aware datetime, such as datetime.now(timezone.utc)"
        )
    return bounded((time - EPOCH) // timedelta(microseconds=1) * 1000)


def milliseconds(start_ns: int, end_ns: int | None) -> float | None:
    """
    Give the time between two moments; None while there is no end, and 0 where the clock
    was set back between them.
    """
    return None if end_ns is None else max(end_ns - start_ns, 0) / _NS_PER_MS


def usd(picousd: int | None) -> float | None:
    """
    Give USD × 10¹² as USD.
    """
    return None if picousd is None else picousd / PICO
