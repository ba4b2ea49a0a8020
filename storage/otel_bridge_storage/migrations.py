"""
Bringing a database of an older version up to date, in the transaction that opens it.
"""

import json
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, Index, Table, func, insert, inspect, select, update
from sqlalchemy.schema import DropIndex

from otel_bridge_storage import event_tables, forward_tables, thread_tables
from otel_bridge_storage.columns import metadata
from otel_bridge_storage.labels import run_labels_of
from otel_bridge_storage.schema import (
    counters,
    llm_calls,
    run_labels,
    run_log,
    runs,
    schema_info,
    spans,
    steps,
    tool_calls,
    writers,
)
from otel_bridge_storage.versions import SCHEMA_VERSION

COUNTERS = ("sequence", "span", "message", "log", "erasures", "ended")
# Importing them puts them among the tables that a new database gets.
_TRUTH = (thread_tables.threads, event_tables.run_events, forward_tables.forward_cursors)
_MANY = 1000
_OLD = "table_of_an_older_schema"


def upgrade(connection: Connection, version: int) -> None:
    """
    Bring the tables from an older version to the present one.
    """
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](connection)
    connection.execute(update(schema_info), {"version": SCHEMA_VERSION})


def _from_1(connection: Connection) -> None:
    for table in (runs, tool_calls, steps):
        _make_anew(connection, table)
    metadata.create_all(connection)
    _add_links(connection)
    _make_index_anew(connection, run_log, "run_log_step_turns")
    _make_index_anew(connection, writers, "writers_heard")
    connection.execute(insert(counters), {"name": "erasures", "value": 0})
    labelled = select(runs.c.run_id, runs.c.started_ns, runs.c.tags, runs.c.metadata)
    for part in connection.execute(labelled).mappings().partitions(_MANY):
        rows = [row for run in part for row in run_labels_of(dict(run))]
        if rows:
            connection.execute(insert(run_labels), rows)


def _from_2(connection: Connection) -> None:
    """
    Add what log records tell of calls, and how calls were served; a rebuild fills it in.
    """
    _add_columns(connection, spans, "log_hash")
    _add_columns(connection, llm_calls, "home", "echo", "emitted_cost_source", "service_tier")
    _add_columns(connection, tool_calls, "home", "precedence", "echo")
    for table in (llm_calls, tool_calls):
        _make_index_anew(connection, table, f"{table.name}_by_call")
    _make_index_anew(connection, llm_calls, "llm_calls_by_echo")
    _make_index_anew(connection, tool_calls, "tool_calls_by_echo")
    _make_index_anew(connection, spans, "spans_by_log")


def _from_3(connection: Connection) -> None:
    """
    Number the ends of the spans in the order of their rows, and make room for forwarding.
    """
    _add_columns(connection, spans, "ended_seq")
    ended = (spans.c.end_ns.is_not(None), spans.c.log_hash.is_(None))
    connection.execute(update(spans).where(*ended).values(ended_seq=spans.c.id))
    last = connection.execute(select(func.coalesce(func.max(spans.c.id), 0))).scalar_one()
    connection.execute(insert(counters), {"name": "ended", "value": last})
    _make_index_anew(connection, spans, "spans_by_end")
    metadata.create_all(connection)


def _add_columns(connection: Connection, table: Table, *names: str) -> None:
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for name in names:
        if name in there:
            continue
        kind = table.c[name].type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}")


def _add_links(connection: Connection) -> None:
    """
    Note of each span without a parent which span stands for it; a rebuild binds it so.
    """
    _add_columns(connection, spans, "link_trace_id", "link_span_id")
    _make_index_anew(connection, spans, "spans_by_link")
    tops = select(spans.c.id, spans.c.links).where(
        spans.c.parent_span_id.is_(None), spans.c.links.is_not(None)
    )
    for row in connection.execute(tops).all():
        targets = {(trace_id, span_id) for trace_id, span_id, *_ in json.loads(row.links)}
        if len(targets) == 1:
            trace_id, span_id = targets.pop()
            linked = {"link_trace_id": trace_id, "link_span_id": span_id}
            connection.execute(update(spans).where(spans.c.id == row.id).values(linked))


def _make_anew(connection: Connection, table: Table) -> None:
    """
    Give a table, to which no other refers, its present columns, keys and indexes.
    """
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        connection.execute(DropIndex(index, if_exists=True))
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    names = ", ".join(f'"{c.name}"' for c in table.columns if c.name in there)
    connection.exec_driver_sql(f"ALTER TABLE {table.name} RENAME TO {_OLD}")
    table.create(connection)
    # Only names of the schema are put together here.
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {_OLD}")  # noqa: S608
    connection.exec_driver_sql(f"DROP TABLE {_OLD}")


def _make_index_anew(connection: Connection, table: Table, name: str) -> None:
    made: Index = next(index for index in table.indexes if index.name == name)
    connection.execute(DropIndex(made, if_exists=True))
    made.create(connection)


_STEPS: Mapping[int, Callable[[Connection], None]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: metadata.create_all,
}
