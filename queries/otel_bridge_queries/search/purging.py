"""
Erasing from the search index what was erased from the database.
"""

import sqlite3
from pathlib import Path

from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.errors import DatabaseUnavailableError

from otel_bridge_queries.search.index_file import delete_index, index_path, open_index
from otel_bridge_queries.sources import open_source


def purge_index(database: str | Path) -> None:
    """
    Leave no word in the search index of what its database does not hold any more.

    Without an index beside the database there is nothing to do.

    Raises:
        DatabaseUnavailableError: The index can neither be changed nor deleted.
        DatabaseError: The database cannot be read.
    """
    address = address_of(database)
    path = address.path
    if path is None or not index_path(path).exists():
        return
    source = open_source(address)
    try:
        index = open_index(path)
        try:
            index.forget_erased(source)
        finally:
            index.close()
    except sqlite3.Error as error:
        if not delete_index(path):
            raise DatabaseUnavailableError(
                f"words of what was deleted may still be in {index_path(path)}, which can "
                f"neither be changed nor deleted ({error}): delete it when nobody uses it"
            ) from error
    finally:
        source.close()
