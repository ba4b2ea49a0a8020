"""
Databases for tests of damage: real ones of a few hundred spans, and ways to spoil a copy.
"""

import random
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from captures import files, names
from otel_bridge_storage.records import (
    Arrival,
    EventRecord,
    LogRecord,
    SpanEvent,
    SpanRecord,
)
from stored import store
from trees import NOON, RESOURCE, SCOPE, agent, chat, message, span, tool

from otel_bridge.dialects.registry import Dialects
from otel_bridge.otlp import read_telemetry

PAGE = 4096
READER = Dialects()


def capture(name: str) -> list[Arrival]:
    """
    Read one capture.
    """
    paths = files(name, "traces", "pb") + files(name, "logs", "pb")
    records: list[Arrival] = []
    for found in read_telemetry(paths):
        records += [*found.spans, *found.logs]
    return records


def captured(path: Path) -> Path:
    """
    Make a database of all captures.
    """
    store(path, [capture(name) for name in names()])
    return path


def many_spans() -> list[SpanRecord]:
    """
    Make some hundred spans of runs with calls and tools, with long texts.
    """
    made = []
    for trace in range(1, 51):
        made.append(span(trace, 1, **agent(f"agent-{trace % 3}")))
        for number in range(2, 10):
            told = message("user", f"{trace} {number} " * 50)
            said = {"gen_ai.input.messages": told, "note": "n" * number * 9}
            made.append(span(trace, number, 1, **chat(f"r{trace}-{number}", number, **said)))
        made.append(span(trace, 10, 1, **tool("search", f"c{trace}")))
    return made


def large(path: Path) -> Path:
    """
    Make a database of these spans and as many log records.
    """
    made = many_spans()
    logs = [
        LogRecord(
            trace_id=each.trace_id,
            span_id=each.span_id,
            time_ns=each.start_ns,
            body=f"line of {each.span_id}",
            resource=RESOURCE,
            scope=SCOPE,
        )
        for each in made
    ]
    store(path, [made, logs])
    return path


def pages_of(path: Path, table: str) -> list[int]:
    """
    List the pages that hold rows of a table and nothing else: its leaves.
    """
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
    data = path.read_bytes()
    return _leaves(data, root)


def _leaves(data: bytes, page: int) -> list[int]:
    at = (page - 1) * PAGE
    if data[at] == 0x0D:
        return [page]
    assert data[at] == 0x05
    count = int.from_bytes(data[at + 3 : at + 5], "big")
    cells = (int.from_bytes(data[at + 12 + 2 * n : at + 14 + 2 * n], "big") for n in range(count))
    below = [int.from_bytes(data[at + cell : at + cell + 4], "big") for cell in cells]
    below.append(int.from_bytes(data[at + 8 : at + 12], "big"))
    return [leaf for child in below for leaf in _leaves(data, child)]


def spoil_page(data: bytearray, page: int, filling: bytes) -> None:
    """
    Overwrite one page.
    """
    data[(page - 1) * PAGE : page * PAGE] = filling


def _random_pages(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.randrange(1, 6)):
        spoil_page(data, chance.randrange(2, len(data) // PAGE + 1), chance.randbytes(PAGE))


def _empty_pages(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.randrange(1, 6)):
        spoil_page(data, chance.randrange(2, len(data) // PAGE + 1), bytes(PAGE))


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[chance.randrange(len(data)) :]


def _random_bytes(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.randrange(1, 200)):
        data[chance.randrange(len(data))] = chance.randrange(256)


def _header(chance: random.Random, data: bytearray) -> None:
    start, end = chance.choice([0, 16]), chance.choice([17, 100, PAGE])
    data[start:end] = chance.randbytes(end - start)


DAMAGES: Mapping[str, Callable[[random.Random, bytearray], None]] = {
    "random pages": _random_pages,
    "empty pages": _empty_pages,
    "cut off": _cut,
    "random bytes": _random_bytes,
    "header": _header,
}


def open_with_live_facts() -> list[list[Arrival]]:
    """
    Make batches of a run that never ended, whose facts came ahead of its end.
    """
    run = span(7, 1, end_ns=None, **agent("open", **{"otel_bridge.run.id": "open-run"}))
    call = span(7, 2, 1, end_ns=None, **chat(None, None))
    told: tuple[tuple[str, dict[str, Any]], ...] = (
        ("otel_bridge.run.paused", {"otel_bridge.pause.reason": "approval", "other": "[1]"}),
        ("otel_bridge.run.resumed", {"otel_bridge.fact.id": "resumed-1"}),
        ("noted", {"otel_bridge.fact.custom": True, "text": "t" * 300, "list": [1, "two", 0.5]}),
        ("otel_bridge.step.user", {"otel_bridge.step.id": "s1", "content": '{"a": 1}'}),
        ("otel_bridge.unknown.kind", {"otel_bridge.iteration": 3, "deep": '{"b": [true]}'}),
    )
    events: list[Arrival] = [
        SpanEvent(
            trace_id=run.trace_id,
            span_id=run.span_id,
            event=EventRecord(name, NOON + 50 + number, attributes),
        )
        for number, (name, attributes) in enumerate(told)
    ]
    return [[run, call], events]
