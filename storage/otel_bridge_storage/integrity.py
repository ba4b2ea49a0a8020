"""
Whether a database is whole: its file, its counters, and what its tables say of each other.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, func, inspect, select
from sqlalchemy.exc import DBAPIError

from otel_bridge_storage.addresses import Address, Kind, address_of
from otel_bridge_storage.columns import metadata
from otel_bridge_storage.consistency import Rule, rules
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.event_tables import event_threads, run_events
from otel_bridge_storage.findings import REBUILD, RESTORE, SAVE, Finding
from otel_bridge_storage.salvage import SalvagedRows
from otel_bridge_storage.schema import llm_calls, logs, run_log, runs, spans
from otel_bridge_storage.sqlite_files import check_file, is_something_else
from otel_bridge_storage.stored_texts import check_texts
from otel_bridge_storage.thread_numbers import check_thread_numbers
from otel_bridge_storage.tolerant_reading import is_unreadable, tolerant_reading, untouched_uri
from otel_bridge_storage.versions import SCHEMA_VERSION

_MOST_MESSAGES = 100
_HOW_MANY = func.count().label("rows")
_COUNTED: Mapping[str, Select[Any]] = {
    "spans": select(_HOW_MANY).select_from(spans).where(spans.c.log_hash.is_(None)),
    "log records": select(_HOW_MANY).select_from(logs),
    "entries in the run log": select(_HOW_MANY).select_from(run_log),
    "runs": select(_HOW_MANY).select_from(runs),
    "LLM calls": select(_HOW_MANY).select_from(llm_calls).where(llm_calls.c.counted == 1),
}


def check(target: str | Path | Address) -> list[Finding]:
    """
    Look at everything; nothing is changed.

    Returns:
        What is wrong; nothing if all is in order.

    Raises:
        DatabaseNotFoundError: There is no such database.
        NotADatabaseError: It is a folder, or a database of another program.
        SchemaVersionError: A newer version of otel-bridge wrote it.
        DatabaseUnavailableError: The database cannot be read now.
    """
    address = address_of(target)
    found = [*_look(address)]
    return [replace(each, remedy=each.remedy.format(address)) for each in found]


def count_rows(target: str | Path | Address) -> dict[str, int]:
    """
    Count what a database that is whole holds, by what it is called.
    """
    with tolerant_reading(target) as connection:
        rows = SalvagedRows(connection)
        return {
            name: found[0]["rows"]
            for name, query in _COUNTED.items()
            if (found := rows.rows(query)[0])
        }


def _look(address: Address) -> Iterator[Finding]:
    if address.path is not None and _has_no_header(address.path):
        yield Finding("it does not begin as a SQLite database does", "file", 1, RESTORE)
        return
    with tolerant_reading(address) as connection:
        if address.kind is Kind.FILE:
            yield from _check_file(connection)
        there = _tables(connection)
        if there is None:
            yield Finding("its list of tables cannot be read", "file", 1, RESTORE)
            return
        version = _version(connection, there)
        yield from _check_schema(version, there)
        rows = SalvagedRows(connection)
        for rule in rules():
            if there.issuperset(rule.tables) and rule.since <= (version or SCHEMA_VERSION):
                yield from _apply(rows, rule)
        if there.issuperset((run_events.name, event_threads.name)):
            yield from check_thread_numbers(rows)
        yield from check_texts(rows, there)


def _has_no_header(path: Path) -> bool:
    check_file(path)
    with closing(sqlite3.connect(untouched_uri(path), uri=True)) as connection:
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        except sqlite3.DatabaseError as error:
            return is_something_else(error)
    return False


def _check_file(connection: Connection) -> Iterator[Finding]:
    """
    Have SQLite look at every page.
    """
    try:
        said = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST_MESSAGES})")
        lines = [line for text in said.scalars() for line in str(text).splitlines()]
    except (DBAPIError, MemoryError) as error:
        if not is_unreadable(error):
            raise
        reason = getattr(error, "orig", None) or error
        lines = [f"SQLite cannot look at it: {reason}"]
    for line in dict.fromkeys(lines):
        if line.strip() not in ("ok", "*** in database main ***"):
            yield Finding(line.strip(), "file", 1, SAVE)


def _tables(connection: Connection) -> set[str] | None:
    try:
        return set(inspect(connection).get_table_names())
    except (DBAPIError, MemoryError, DatabaseError) as error:
        if is_unreadable(error):
            return None
        raise


def _version(connection: Connection, there: set[str]) -> int | None:
    if "schema_info" not in there:
        return None
    query = select(func.max(metadata.tables["schema_info"].c.version).label("version"))
    found, _ = SalvagedRows(connection).rows(query)
    version = found[0]["version"] if found else None
    return version if isinstance(version, int) else None


def _check_schema(version: int | None, there: set[str]) -> Iterator[Finding]:
    if version is None:
        yield Finding("its version cannot be read", "schema_info", 1, SAVE)
    elif version < SCHEMA_VERSION:
        says = f"its schema is {version}, and this otel-bridge writes {SCHEMA_VERSION}"
        yield Finding(says, "schema_info", 1, REBUILD)
        return
    missing = sorted(metadata.tables.keys() - there)
    if missing:
        yield Finding(f"tables are missing: {', '.join(missing)}", "file", len(missing), SAVE)


def _apply(rows: SalvagedRows, rule: Rule) -> Iterator[Finding]:
    found, whole = rows.rows(rule.broken)
    if not whole or not found:
        yield Finding(f"cannot be asked whether {rule.says}", rule.where, 1, SAVE)
        return
    (count,) = found[0].values()
    if count:
        yield Finding(rule.says, rule.where, int(count), rule.remedy)
