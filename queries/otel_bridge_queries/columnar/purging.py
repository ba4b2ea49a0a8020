"""
Leaving nothing in the cache's files of what was erased from the database.
"""

import sqlite3
from pathlib import Path

import duckdb
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.errors import DatabaseUnavailableError

from otel_bridge_queries.cache_folder import columnar_folder
from otel_bridge_queries.columnar.upkeep import Upkeep
from otel_bridge_queries.relations import RELATIONS


def purge(database: str | Path) -> None:
    """
    Write the files anew that hold rows which are gone or have changed, and delete the old.

    Raises:
        DatabaseUnavailableError: Somebody else uses them, or the disk refused.
    """
    address = address_of(database)
    if address.path is None or not columnar_folder(address.path).exists():
        return
    folder = columnar_folder(address.path)
    try:
        upkeep = Upkeep(address, address.path)
        try:
            for relation in RELATIONS.values():
                if not relation.volatile and upkeep.keeps(relation):
                    upkeep.renew(relation)
            left = upkeep.tidy(at_once=True)
        finally:
            upkeep.close()
    except (OSError, sqlite3.Error, duckdb.Error) as error:
        raise DatabaseUnavailableError(
            f"what was deleted may still be in the files of {folder} ({error}): delete the folder"
        ) from error
    if left:
        raise DatabaseUnavailableError(
            f"what was deleted may still be in {left[0]}, which somebody reads: delete the "
            f"folder {folder} when nobody does"
        )
