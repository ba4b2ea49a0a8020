"""
The times that people type after `--since` and `--until`.
"""

import re
from datetime import UTC, datetime, timedelta

import typer

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(typed: str, now: datetime | None = None) -> datetime:
    """
    Read `7d`, `36h`, `90m` (that long ago), a date, or an ISO 8601 time.

    Args:
        typed: A date or time without an offset is taken as UTC.
        now: What `ago` counts from; None for the clock's time.

    Raises:
        typer.BadParameter: It is none of these.
    """
    now = now or datetime.now(UTC)
    try:
        if match := _AGO.fullmatch(typed.strip().lower()):
            return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
        moment = datetime.fromisoformat(typed.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise typer.BadParameter(
            f"{typed!r} is not a time; write 7d, 36h, 90m, 2026-01-31 or 2026-01-31T09:00:00Z"
        ) from exc
