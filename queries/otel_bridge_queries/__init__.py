"""
Reports over a recorded database: runs, steps, tokens, money, time and failures.
"""

from otel_bridge_queries.described import View, ViewColumn, described_views
from otel_bridge_queries.queries import Queries
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters
from otel_bridge_queries.sqlite_shell import sqlite_script
from otel_bridge_queries.view_files import write_views

__all__ = [
    "Filters",
    "Queries",
    "Result",
    "View",
    "ViewColumn",
    "described_views",
    "sqlite_script",
    "write_views",
]
