"""
Full-text search over what people, models and tools said.
"""

from otel_bridge_queries.search.purging import purge_index
from otel_bridge_queries.search.reports import SearchFilters, SearchReports

__all__ = ["SearchFilters", "SearchReports", "purge_index"]
