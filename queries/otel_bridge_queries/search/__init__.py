"""
Full-text search over what people, models and tools said.
"""

from otel_bridge_queries.search.erasing import forget_erased
from otel_bridge_queries.search.reports import SearchFilters, SearchReports
from otel_bridge_queries.search.searcher import Searcher

__all__ = ["SearchFilters", "SearchReports", "Searcher", "forget_erased"]
