"""
Whether the texts that rows refer to are there, and say what they said when they were stored.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Table, select

from otel_bridge_storage.findings import REBUILD, SAVE, Finding
from otel_bridge_storage.salvage import Row, SalvagedRows, in_batches
from otel_bridge_storage.schema import llm_calls, logs, messages, run_log, spans
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.tolerant_reading import is_unreadable
from otel_bridge_storage.values import references

_THERE = Lookup(select(messages.c.id).where(KEYS), messages.c.id)
_BATCH = 500
_HOLDERS: tuple[tuple[Table, tuple[str, ...], str], ...] = (
    (spans, ("attributes", "events", "links"), SAVE),
    (logs, ("body", "attributes"), SAVE),
    (run_log, ("data",), SAVE),
    (llm_calls, ("input_messages", "output_messages"), REBUILD),
)


def check_texts(rows: SalvagedRows, there: set[str]) -> Iterator[Finding]:
    """
    Read every row that may refer to texts, and every text.

    Args:
        there: The tables of the database.
    """
    for table, names, remedy in _HOLDERS:
        if table.name in there:
            yield from _check_holder(rows, table, names, remedy)
    if messages.name in there:
        for _ in rows.walk(messages):
            pass
        yield from _lost(rows, messages)


def _check_holder(
    rows: SalvagedRows, table: Table, names: Sequence[str], remedy: str
) -> Iterator[Finding]:
    broken: Counter[str] = Counter()
    for batch in in_batches(rows.walk(table, *names), _BATCH):
        wanted = [_refers_to(row, table, names) for row in batch]
        broken["malformed"] += wanted.count(None)
        ids = {ref for refs in wanted if refs for ref in refs}
        missing = ids - _existing(rows, ids)
        broken["missing"] += sum(bool(refs and not missing.isdisjoint(refs)) for refs in wanted)
    yield from _lost(rows, table)
    for kind, says in _SAYS.items():
        if broken[kind]:
            yield Finding(says, table.name, broken[kind], remedy)


_SAYS = {
    "malformed": "rows hold JSON that is malformed",
    "missing": "rows refer to texts that are not there",
}


def _lost(rows: SalvagedRows, table: Table) -> Iterator[Finding]:
    count = rows.lost.pop(table.name, 0)
    if count:
        says = "texts cannot be read or are not what was stored"
        if table is not messages:
            says = "rows cannot be read"
        yield Finding(says, table.name, count, SAVE)


def _refers_to(row: Row, table: Table, names: Sequence[str]) -> set[int] | None:
    """
    List the texts that a row refers to; None where its JSON is malformed.
    """
    found: set[int] = set()
    try:
        for name in names:
            value = row[name]
            if value is None:
                continue
            raw: Any = json.loads(value)
            found.update(raw if table is llm_calls else references(_unlisted(raw, table, name)))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    return found if all(isinstance(number, int) for number in found) else None


def _unlisted(raw: Any, table: Table, name: str) -> Any:
    """
    Give what of a column may hold references.

    The attributes themselves are a map whose keys may begin with `$` like a reference.
    """
    if table is spans and name == "events":
        return [list(attributes.values()) for _, _, attributes, _ in raw]
    if table is spans and name == "links":
        return [list(attributes.values()) for _, _, _, attributes, _, _ in raw]
    return raw if name == "body" else list(raw.values())


def _existing(rows: SalvagedRows, ids: set[int]) -> set[int]:
    pending = [sorted(ids)] if ids else []
    found: set[int] = set()
    while pending:
        part = pending.pop()
        try:
            found.update(row.id for row in _THERE.rows(rows.connection, part))
        except Exception as error:
            if not is_unreadable(error):
                raise
            half = len(part) // 2
            # One that cannot be read is there, and is counted where texts are read.
            found.update(part if not half else ())
            pending += [part[:half], part[half:]] if half else []
    return found
