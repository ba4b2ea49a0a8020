"""
Opening a database for reports: the engine, and what brings the rows to it.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.open_here import is_open_here

from otel_bridge_queries.cache_folder import columnar_folder
from otel_bridge_queries.columnar.loader import ColumnarLoader
from otel_bridge_queries.columnar.upkeep import Progress
from otel_bridge_queries.copying_loader import CopyingLoader
from otel_bridge_queries.engine import open_engine
from otel_bridge_queries.loader import Loader


def open_loader(
    database: str | Path,
    *,
    writes_cache: bool | None = None,
    progress: Progress | None = None,
    folders: Sequence[Path] = (),
) -> tuple[duckdb.DuckDBPyConnection, Loader]:
    """
    Open an engine over a database, whichever kind it is.

    Args:
        writes_cache: Whether the columnar cache may be brought forward; None if this
            process does not record into the database.
        progress: Told of rows that go into the cache.
        folders: What else the engine may read and write.
    """
    address = address_of(database)
    path = address.path
    engine = open_engine(*folders, *(() if path is None else (columnar_folder(path),)))
    try:
        if path is None:
            return engine, CopyingLoader(address, engine)
        writes = not is_open_here(address.key) if writes_cache is None else writes_cache
        return engine, ColumnarLoader(address, path, engine, writes=writes, progress=progress)
    except BaseException:
        engine.close()
        raise
