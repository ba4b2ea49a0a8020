"""
The views of `Queries.sql` as Parquet files, with a script for the DuckDB shell.

DuckDB reads SQLite only with an extension that it downloads; Parquet it reads by itself.
"""

from pathlib import Path

import duckdb
from otel_bridge_storage.errors import DatabaseError

from otel_bridge_queries.catalog import VIEWS
from otel_bridge_queries.described import View, described_views
from otel_bridge_queries.engine import quoted
from otel_bridge_queries.loading import open_loader

SCRIPT = "views.sql"


def write_views(database: str | Path, folder: str | Path) -> Path:
    """
    Write each view as a Parquet file, all as of one moment, and a script that opens them.

    Files of an earlier time are replaced one by one, once all of the new ones are there.

    Args:
        folder: Made where it is not there.

    Returns:
        The script: `duckdb -init SCRIPT` has the views.

    Raises:
        DatabaseNotFoundError: There is no such database.
        DatabaseError: The database cannot be read, or the folder not be written.
    """
    folder = Path(folder).resolve()
    engine, loader = open_loader(database, folders=(folder,))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with loader.current({name for names in VIEWS.values() for name in names}):
            written = [_write(engine, folder, view) for view in VIEWS]
    except duckdb.Error as error:
        raise DatabaseError(f"cannot write the views to {folder}: {error}") from error
    finally:
        loader.close()
        engine.close()
    for part in written:
        part.replace(part.with_suffix(""))
    script = folder / SCRIPT
    script.write_text(duckdb_script(folder), encoding="utf-8")
    return script


def duckdb_script(folder: Path) -> str:
    """
    Give the script that makes the views over the files of a folder, with their comments.
    """
    lines = [
        "-- The views of otel-bridge for the DuckDB shell: duckdb -init views.sql",
        "-- Where the folder has moved to another place, name it here.",
        f"SET VARIABLE folder = {quoted(str(folder))};",
        *(line for view in described_views() for line in _view(view)),
    ]
    return "\n".join(lines) + "\n"


def _write(engine: duckdb.DuckDBPyConnection, folder: Path, view: str) -> Path:
    part = folder / f"{view}.parquet.part"
    # Only the name of a view is put in.
    engine.execute(f"COPY (FROM {view}) TO $path (FORMAT parquet)", {"path": str(part)})
    return part


def _view(view: View) -> list[str]:
    name = view.name
    source = f"read_parquet(getvariable('folder') || '/{name}.parquet', hive_partitioning = false)"
    return [
        "",
        f"CREATE TEMP VIEW {name} AS FROM {source};",
        f"COMMENT ON VIEW {name} IS {quoted(view.comment)};",
        *(
            f"COMMENT ON COLUMN {name}.{each.name} IS {quoted(each.comment)};"
            for each in view.columns
        ),
    ]
