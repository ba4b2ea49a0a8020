"""
The moments that bound a report: datetimes, ISO 8601 text, or so long ago.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from otel_bridge_storage.errors import QueryError

Moment = datetime | str

_AGO = re.compile(r"\s*(\d{1,9})\s*([smhdw])\s*", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMS = "give an aware datetime, ISO text such as 2026-03-31T12:00Z, or 30m, 12h, 7d, 2w"


def zone_named(name: str) -> ZoneInfo:
    """
    Find a time zone by its IANA name.

    Raises:
        QueryError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (OSError, TypeError, ValueError, LookupError) as error:
        raise QueryError(
            f"unknown time zone {name!r}: give an IANA name such as Europe/Paris"
        ) from error


def moment_ns(name: str, moment: Moment | None, *, zone: ZoneInfo, now_ns: int) -> int | None:
    """
    Turn a bound of a report into nanoseconds since the epoch.

    Args:
        name: What the bound is called, for the error.
        zone: Where ISO text without an offset is read.

    Raises:
        QueryError: It is not a moment, or a datetime without a time zone.
    """
    if moment is None:
        return None
    if isinstance(moment, str):
        ago = _AGO.fullmatch(moment)
        if ago:
            return now_ns - int(ago[1]) * _SECONDS[ago[2]] * 10**9
        moment = _from_iso(name, moment, zone)
    if not isinstance(moment, datetime):
        raise QueryError(f"{name}={moment!r} is not a moment: {_FORMS}")
    if moment.utcoffset() is None:
        raise QueryError(f"{name}={moment!r} has no time zone: {_FORMS}")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _from_iso(name: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise QueryError(f"{name}={text!r} is not a moment: {_FORMS}") from error
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=zone)
