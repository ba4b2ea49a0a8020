"""
Reports over a recorded database: runs, steps, tokens, money, time and failures.
"""

from otel_bridge_queries.queries import Queries
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters

__all__ = ["Filters", "Queries", "Result"]
