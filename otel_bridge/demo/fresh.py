"""
The demo's database: a fresh file, and never somebody else's.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.sqlite_files import open_reader

SERVICE = "otel-bridge-demo"
SAMPLES = Path(__file__).parent / "samples"

_BESIDE = ("", "-journal", "-shm", "-wal")


def make_way(path: Path, *, keep: bool) -> None:
    """
    See that the demo may write to a path.

    Args:
        path: Where the demo's database is to be.
        keep: Add to the database of an earlier demo instead of replacing it.

    Raises:
        DatabaseError: There is something else.
    """
    if not path.exists():
        return
    if not made_by_demo(path):
        raise DatabaseError(
            f"{path} exists and is not the database of an earlier demo; "
            "choose another path with --db"
        )
    if not keep:
        for suffix in _BESIDE:
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def made_by_demo(path: Path) -> bool:
    """
    Tell whether a file is a database that holds what a demo records and nothing else.
    """
    try:
        with closing(open_reader(path)) as reader:
            services = {row[0] for row in reader.execute("SELECT DISTINCT service FROM resources")}
    except (DatabaseError, sqlite3.Error):
        return False
    return SERVICE in services and services <= {SERVICE, *_sampled_services()}


def _sampled_services() -> set[str]:
    # A sample is named after the service that made it.
    return {path.name.rpartition("-")[0] for path in SAMPLES.glob("*.pb")}
