"""
Bringing a database of an older version up to date, in the transaction that opens it.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, Index, Table, insert, select, update

from otel_bridge_storage import event_tables, thread_tables
from otel_bridge_storage.columns import metadata
from otel_bridge_storage.labels import run_labels_of
from otel_bridge_storage.schema import (
    SCHEMA_VERSION,
    counters,
    run_labels,
    runs,
    schema_info,
)

COUNTERS = ("sequence", "span", "message", "log", "erasures")
# Importing them puts them among the tables that a new database gets.
_TRUTH = (thread_tables.threads, event_tables.run_events)
_MANY = 1000


def upgrade(connection: Connection, version: int) -> None:
    """
    Bring the tables from an older version to the present one.
    """
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](connection)
    connection.execute(update(schema_info), {"version": SCHEMA_VERSION})


def _from_1(connection: Connection) -> None:
    metadata.create_all(connection)
    _create_index(connection, runs, "runs_by_service")
    connection.execute(insert(counters), {"name": "erasures", "value": 0})
    labelled = select(runs.c.run_id, runs.c.started_ns, runs.c.tags, runs.c.metadata)
    for part in connection.execute(labelled).mappings().partitions(_MANY):
        rows = [row for run in part for row in run_labels_of(dict(run))]
        if rows:
            connection.execute(insert(run_labels), rows)


def _create_index(connection: Connection, table: Table, name: str) -> None:
    made: Index = next(index for index in table.indexes if index.name == name)
    made.create(connection, checkfirst=True)


_STEPS: Mapping[int, Callable[[Connection], None]] = {1: _from_1}
