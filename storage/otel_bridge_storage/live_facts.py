"""
Facts that only the run log has: events that came ahead of the end of their span.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from otel_bridge_storage.fact_codec import FACT_ID, ITERATION, attributes_of, fact_from
from otel_bridge_storage.facts import PREFIX
from otel_bridge_storage.json_ready import json_text
from otel_bridge_storage.readings import FactReading, Reader
from otel_bridge_storage.records import EventRecord, SpanRecord

_COLUMNS = ("span", "fact_key", "kind", "time_ns", "iteration", "data")
_MOST_ASKED = 500


class LiveFacts:
    """
    Entries of the run log that hold data, found by their span.

    They are set down in a temporary file of their own, since the index that would find
    them may be damaged, and they may be more than memory holds.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute(
            "CREATE TABLE facts (span INTEGER, fact_key TEXT, kind TEXT, time_ns INTEGER,"
            " iteration INTEGER, data TEXT)"
        )

    def add(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """
        Take in rows of the run log; those without data say only what their span says.
        """
        held = ([entry[name] for name in _COLUMNS] for entry in entries if entry["data"])
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)", held)
        self._connection.execute("CREATE INDEX by_span ON facts (span)")
        self._connection.execute("COMMIT")

    def take(self, spans: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        """
        Give the entries of some spans, each once.
        """
        found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        for at in range(0, len(spans), _MOST_ASKED):
            part = list(spans[at : at + _MOST_ASKED])
            marks = ", ".join("?" * len(part))
            rows = self._connection.execute(
                f"DELETE FROM facts WHERE span IN ({marks}) RETURNING *",  # noqa: S608 - marks only
                part,
            )
            for row in rows.fetchall():
                found[row[0]].append(dict(zip(_COLUMNS, row, strict=True)))
        return found

    def left(self) -> int:
        """
        Count the entries that nobody took: their spans are not there.
        """
        (count,) = self._connection.execute("SELECT count(*) FROM facts").fetchone()
        return int(count)

    def close(self) -> None:
        """
        Remove the temporary file.
        """
        self._connection.close()


def with_facts(span: SpanRecord, facts: Iterable[FactReading], reader: Reader) -> SpanRecord:
    """
    Give a span with facts as events of it, where it does not tell them itself.
    """
    told = {fact.key for fact in reader.read_span(span).facts}
    events = [event_of(fact, reader) for fact in facts if fact.key not in told]
    if not events:
        return span
    joined = sorted([*span.events, *events], key=lambda event: event.time_ns)
    return replace(span, events=tuple(joined))


def event_of(fact: FactReading, reader: Reader) -> EventRecord:
    """
    Write a fact as an event that is read as the same fact.
    """
    event = EventRecord(PREFIX + fact.kind, fact.time_ns, _as_recorded(fact))
    read = reader.read_event(event)
    if read is None or read.data != fact.data:
        event = replace(event, attributes=_word_by_word(fact))
    return event


def _as_recorded(fact: FactReading) -> dict[str, Any]:
    try:
        known = fact_from(fact.kind, run_id="", iteration=fact.iteration, data=fact.data)
        written = attributes_of(known)
    except (TypeError, ValueError):
        return _word_by_word(fact)
    return {**written, FACT_ID: fact.key}


def _word_by_word(fact: FactReading) -> dict[str, Any]:
    """
    Write each field under its own name, for data that the fact's own form cannot hold.
    """
    written: dict[str, Any] = {
        name: value
        if isinstance(value, bool | int | float)
        or (isinstance(value, str) and not value.startswith(("[", "{", '"')))
        else json_text(value)
        for name, value in fact.data.items()
    }
    if fact.iteration is not None:
        written[ITERATION] = fact.iteration
    return {**written, FACT_ID: fact.key}
