"""
Leaving nothing beside a database of what was erased from it.
"""

from pathlib import Path

from otel_bridge_queries.columnar.purging import purge
from otel_bridge_queries.search import purge_index


def forget_erased(database: str | Path) -> None:
    """
    Leave nothing in the cache and in the search index that the database does not hold.

    Raises:
        DatabaseUnavailableError: Somebody else uses them, or the disk refused.
        DatabaseError: The database cannot be read.
    """
    try:
        purge(database)
    finally:
        purge_index(database)
