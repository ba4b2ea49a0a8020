"""
Words that options choose from.
"""

from enum import StrEnum


class Format(StrEnum):
    """
    How rows are printed.
    """

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MD = "md"
    PARQUET = "parquet"
    ARROW = "arrow"


BINARY = frozenset({Format.PARQUET, Format.ARROW})
"""
The forms that are bytes and not text.
"""


class Status(StrEnum):
    """
    How a run stands.
    """

    RUNNING = "running"
    PAUSED = "paused"
    SUCCESS = "success"
    ERROR = "error"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Spark(StrEnum):
    """
    What one character of a sparkline stands for.
    """

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    NONE = "none"
