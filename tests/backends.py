"""
The kinds of database there are, an empty one of each for a test, and what one holds.
"""

import asyncio
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.columns import metadata
from otel_bridge_storage.ingest import Applied, Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.read_ahead import Incoming
from otel_bridge_storage.read_engine import ReadEngine
from otel_bridge_storage.run_store import RunStore
from sqlalchemy import Connection, select
from stored import PRICER, READER

FILE, MEMORY, POSTGRES = "sqlite-file", "sqlite-memory", "postgresql"
KINDS = (FILE, MEMORY, POSTGRES)
SHARED_BY_PROCESSES = (FILE, POSTGRES)

# What a kind of database may do otherwise than the others, and why.
PERMITTED = {
    (POSTGRES, "NUL in names"): "no text of PostgreSQL can hold it: it is stored as U+FFFD",
    (POSTGRES, "the server's own log"): "compact() writes the tables anew; the server's "
    "write-ahead log and backups are its owner's",
    (MEMORY, "readers and the writer"): "one waits for the other: there is no write-ahead log",
    (MEMORY, "other processes"): "nobody else sees the memory of a process",
    (MEMORY, "after the end"): "it goes with the last who has it open",
}

T = TypeVar("T")
_numbers = itertools.count(1)


class Backend:
    """
    One kind of database, from which a test gets empty ones.

    Args:
        kind: One of `KINDS`.
        folder: Where files go.
        server: The URL of a PostgreSQL server, where there is one.
    """

    def __init__(self, kind: str, folder: Path, server: str | None = None) -> None:
        self.kind = kind
        self.folder = folder
        self._server = server
        self._open = ExitStack()
        self.target = self.fresh()

    def may(self, what: str) -> bool:
        """
        Whether this kind may do something otherwise; see `PERMITTED`.
        """
        return (self.kind, what) in PERMITTED

    def fresh(self) -> str:
        """
        Give the target of another database, which is there until `close`.
        """
        number = next(_numbers)
        if self.kind == FILE:
            return str(self.folder / f"runs-{number}.db")
        if self.kind == MEMORY:
            target = f"memory://test-{number}"
            self._open.enter_context(open_database(target))
            return target
        assert self._server is not None
        schema = f"test_{os.getpid()}_{number}"
        self._administer(f"CREATE SCHEMA {schema}")
        self._open.callback(self._administer, f"DROP SCHEMA {schema} CASCADE")
        mark = "&" if "?" in self._server else "?"
        return f"{self._server}{mark}options=-csearch_path%3D{schema}"

    def close(self) -> None:
        """
        Remove all databases.
        """
        self._open.close()

    def _administer(self, statement: str) -> None:
        assert self._server is not None
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement.encode())


def store(target: str, batches: Iterable[Sequence[Incoming]]) -> list[Applied]:
    """
    Store batches one after another.
    """
    with open_database(target) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        return [ingestor.apply(batch) for batch in batches]


def read(target: str, work: Callable[[Connection], T]) -> T:
    """
    Run a function that reads.
    """

    async def once() -> T:
        engine = ReadEngine.open(address_of(target))
        try:
            return await engine.read(work)
        finally:
            await engine.close()

    return asyncio.run(once())


def ask(target: str, question: Callable[[RunStore], Any]) -> Any:
    """
    Ask a RunStore something.
    """

    async def once() -> Any:
        async with RunStore.from_url(target) as runs:
            return await question(runs)

    return asyncio.run(once())


def table(target: str, name: str) -> list[dict[str, Any]]:
    """
    Read a whole table.
    """
    return read(target, lambda connection: _rows(connection, name))


def picture(target: str) -> dict[str, list[dict[str, Any]]]:
    """
    Give all that is derived, in an order and under names that do not depend on arrival.
    """
    return read(target, _picture)


_DERIVED = ("spans", "logs", "runs", "llm_calls", "tool_calls", "steps", "sessions", "run_labels")
_BY_ARRIVAL = frozenset(
    {"id", "writer_id", "seq", "bound_seq", "ended_seq", "resource_id", "scope_id"}
)
_RAW = frozenset({"attributes", "events", "links", "body", "data"})
_OF_SPANS = frozenset({"span", "outer_call"})
_OF_TEXTS = frozenset(
    {"message", "condensed_message", "input_message", "answer_message", "arguments", "result"}
)
_OF_TEXT_LISTS = frozenset({"input_messages", "output_messages"})


def _picture(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    texts = {row["id"]: row["body"] for row in _rows(connection, "messages")}
    keys = {r["id"]: f"{r['trace_id']}/{r['span_id']}" for r in _rows(connection, "spans")}
    scopes = {r["id"]: f"{r['name']} {r['version']}" for r in _rows(connection, "scopes")}

    def shown(row: Mapping[str, Any]) -> dict[str, Any]:
        told = {k: v for k, v in row.items() if k not in _BY_ARRIVAL | _RAW}
        for name, value in told.items():
            if value is None:
                continue
            if name in _OF_SPANS:
                told[name] = keys[value]
            elif name in _OF_TEXTS:
                told[name] = texts[value]
            elif name in _OF_TEXT_LISTS:
                told[name] = [texts[text] for text in json.loads(value)]
            elif name == "scope":
                told[name] = scopes[value]
        return told

    names = (*_DERIVED, "run_log")
    found = {name: [shown(row) for row in _rows(connection, name)] for name in names}
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def _rows(connection: Connection, name: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(metadata.tables[name])).mappings()]
