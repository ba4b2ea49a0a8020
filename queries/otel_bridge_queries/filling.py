"""
Filling DuckDB's tables with rows of the database.

Rows travel as JSON lists, one for each column of a chunk, which is the quickest way
between the two without another library.
"""

from collections.abc import Iterable, Sequence

import duckdb
from otel_bridge_storage.errors import DatabaseError

from otel_bridge_queries.engine import MEMORY_LIMIT


def fill(
    engine: duckdb.DuckDBPyConnection,
    create: str,
    insert: str,
    chunks: Iterable[Sequence[str]],
    *,
    of: object,
) -> None:
    """
    Make a table anew and put rows into it, all or none.

    Args:
        chunks: Of each column a JSON list.
        of: The database, for the error.

    Raises:
        DatabaseError: There is not enough memory.
    """
    engine.execute("BEGIN")
    try:
        engine.execute(create)
        for lists in chunks:
            engine.execute(insert, list(lists))
        engine.execute("COMMIT")
    except duckdb.OutOfMemoryException as error:
        engine.execute("ROLLBACK")
        raise DatabaseError(
            f"{of} is too large to be reported on in {MEMORY_LIMIT} of memory"
        ) from error
    except BaseException:
        engine.execute("ROLLBACK")
        raise


def note_dead_writers(engine: duckdb.DuckDBPyConnection, writer_ids: Iterable[str]) -> None:
    """
    Say which writers are gone, so that what they left open shows as interrupted.
    """
    engine.execute("TRUNCATE loaded.dead_writers")
    engine.execute(
        "INSERT INTO loaded.dead_writers SELECT unnest($ids::VARCHAR[])",
        {"ids": sorted(writer_ids)},
    )
