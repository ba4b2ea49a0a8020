"""
Sweeping away what nothing refers to any more: texts, resources and scopes.

References to texts are inside JSON, where no index finds them, so that everything that
may refer to one is read once: what is not marked then is deleted.
"""

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import Column, Connection, Table, bindparam, delete, or_, select, union, update

from otel_bridge_storage.schema import (
    counters,
    llm_calls,
    logs,
    messages,
    resources,
    run_log,
    runs,
    scopes,
    spans,
    steps,
    tool_calls,
)
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.values import load, references

_AT_ONCE = 5000
_REFERENCE = re.compile(r'"\$text":(\d+)|"\$list":\[([\d,\s]*)\]')
_NUMBER = re.compile(r"\d+")
_JSON: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (spans, ("attributes", "events", "links")),
    (logs, ("body", "attributes")),
    (run_log, ("data",)),
)
_LISTS: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (llm_calls, ("input_messages", "output_messages")),
)
_COLUMNS: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (runs, ("input_message", "answer_message")),
    (tool_calls, ("arguments", "result")),
    (steps, ("message", "condensed_message")),
)
_DELETE = Lookup(delete(messages).where(KEYS), messages.c.id)
_BUMP = (
    update(counters)
    .where(counters.c.name == "erasures")
    .values(value=counters.c.value + bindparam("one"))
)


def sweep(connection: Connection) -> int:
    """
    Delete texts, resources and scopes that nothing refers to, and tell all writers that
    what they know of row ids may no longer hold.

    Returns:
        How many texts are gone.
    """
    marks = _marks(connection)
    loose = [
        message
        for message in _ids(connection, messages.c.id)
        if not marks[message >> 3] & 1 << (message & 7)
    ]
    _DELETE.run(connection, loose)
    _delete_origins(connection)
    connection.execute(_BUMP, {"one": 1})
    return len(loose)


def _marks(connection: Connection) -> bytearray:
    """
    Give a bit for each text: whether something refers to it.
    """
    last = max(_ids(connection, messages.c.id), default=0)
    marks = bytearray((last >> 3) + 1)
    for ids in _referred(connection):
        for message in ids:
            if message <= last:
                marks[message >> 3] |= 1 << (message & 7)
    return marks


def _referred(connection: Connection) -> Iterable[Iterable[int]]:
    for table, names in _JSON:
        for text in _texts(connection, table, names, '%"$%'):
            yield _in_json(text)
    for table, names in _LISTS:
        for text in _texts(connection, table, names, "[_%]"):
            yield map(int, _NUMBER.findall(text))
    for table, names in _COLUMNS:
        for name in names:
            column = table.c[name]
            yield _ids(connection, column, column.is_not(None))


def _in_json(text: str) -> Iterable[int]:
    if '"$map"' in text:
        yield from references(load(text))
        return
    for one, several in _REFERENCE.findall(text):
        yield from map(int, _NUMBER.findall(one or several))


def _texts(connection: Connection, table: Table, names: Sequence[str], like: str) -> Iterable[str]:
    columns = [table.c[name] for name in names]
    query = select(*columns).where(or_(*(column.like(like) for column in columns)))
    for part in connection.execute(query.execution_options(yield_per=_AT_ONCE)).partitions():
        for row in part:
            yield from (text for text in row if text)


def _ids(connection: Connection, column: Column[int], *where: object) -> Iterable[int]:
    query = select(column).where(*where)  # type: ignore[arg-type]
    for part in connection.execute(query.execution_options(yield_per=_AT_ONCE)).partitions():
        yield from (row[0] for row in part)


def _delete_origins(connection: Connection) -> None:
    users = {
        resources: [spans.c.resource_id, logs.c.resource_id],
        scopes: [spans.c.scope_id, logs.c.scope_id, llm_calls.c.scope],
    }
    for table, columns in users.items():
        used = union(*(select(column) for column in columns))
        connection.execute(delete(table).where(table.c.id.not_in(used)))
