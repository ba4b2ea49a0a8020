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
