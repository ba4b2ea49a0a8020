"""
Exporting a database into a lake: Parquet files by day, for Spark, Trino, ClickHouse, DuckDB.
"""

import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from otel_bridge_queries.lake import Exported, LakeExport
from otel_bridge_queries.lake.store import LakeStore, check_installed
from otel_bridge_queries.lake.tables import DAY_NS, tables_named
from otel_bridge_storage.database_id import database_id, make_database_id
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.moments import nanoseconds

_EXPORTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def export_lake(
    database: str | Path,
    lake: str | Path,
    *,
    tables: Iterable[str] | None = None,
    since: timedelta | datetime | None = None,
    content: bool = True,
    exporter: str | None = None,
    s3_endpoint: str | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """
    Bring a lake up to date with a database: write the files whose rows changed, and remove
    those whose rows are gone.

    Several databases may export into one lake. One database is exported by one program at
    a time.

    Args:
        lake: A folder, or a URI such as `s3://bucket/folder`; credentials come from the
            environment, as for other programs.
        tables: Of runs, llm_calls, tool_calls, steps, spans and messages; None for all.
            The files of other tables are left alone.
        since: Only UTC days from so long ago, or from this moment, on, each as a whole.
            The files of earlier days are left alone.
        content: Whether what people, models and tools wrote goes along.
        exporter: What the files of this database are known by; by default an id that is
            kept in the database, made at its first export.
        s3_endpoint: Of a server that speaks S3; by default `$AWS_ENDPOINT_URL_S3`,
            `$AWS_ENDPOINT_URL` or Amazon's.
        dry_run: Change nothing, and say what would be done.
        progress: Called for each table with how many of its files are written, and how
            many there are to write.

    Raises:
        QueryError: There is no such table, or the name or the time makes no sense.
        DatabaseError: The database cannot be read, or has no id yet and cannot be written.
        LakeError: The lake cannot be reached, read or written.
        NotInstalledError: pyarrow is not installed; it comes with the extra `lake`.
    """
    wanted = tables_named(tables)
    since_day = None if since is None else _day_of(since)
    check_installed()
    name = _name_of(database, exporter, dry_run=dry_run)
    store = LakeStore(lake, exporter=name, endpoint=s3_endpoint)
    export = LakeExport(database, store, exporter=name, content=content, since_day=since_day)
    return export.run(wanted, dry_run=dry_run, progress=progress)


def _name_of(database: str | Path, exporter: str | None, *, dry_run: bool) -> str:
    if exporter is None:
        # Nothing is known yet by an id that is not there, and a rehearsal makes none.
        return (database_id(database) or "new") if dry_run else make_database_id(database)
    if _EXPORTER.fullmatch(exporter) is None:
        raise QueryError(
            f"the exporter {exporter!r} is part of file names: "
            "give up to 64 letters, digits, - and _"
        )
    return exporter


def _day_of(since: timedelta | datetime) -> int:
    if isinstance(since, timedelta):
        since = datetime.fromtimestamp(time.time(), UTC) - since
    return nanoseconds(since, "since") // DAY_NS
