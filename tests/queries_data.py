"""
A builder of test databases: plain inserts into the tables, one call for each row.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from otel_bridge_storage import schema
from otel_bridge_storage.columns import metadata
from otel_bridge_storage.versions import SCHEMA_VERSION
from sqlalchemy import Connection, Engine, create_engine, insert, update
from sqlalchemy.engine import URL

MS = 1_000_000
NOON = 1_750_000_000 * 1_000 * MS


class Recorded:
    """
    A database being written, one committed transaction for each `with`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine: Engine = create_engine(URL.create("sqlite", database=str(path)))
        self._connection: Connection | None = None
        self._spans = 0
        self._messages = 0
        metadata.create_all(self._engine)
        with self._engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.execute(insert(schema.schema_info), {"version": SCHEMA_VERSION})
            shared = {"hash": b"0", "attributes": "{}", "dropped_attributes": 0, "schema_url": ""}
            connection.execute(
                insert(schema.resources), shared | {"service": "shop", "entities": "[]"}
            )
            connection.execute(insert(schema.scopes), shared | {"name": "lib", "version": "1"})

    def __enter__(self) -> "Recorded":
        self._connection = self._engine.connect()
        self._connection.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._connection is not None
        if kind is None:
            self._connection.commit()
        self._connection.close()
        self._connection = None

    def close(self) -> None:
        """
        Close the file.
        """
        self._engine.dispose()

    def change(self, table: str, **values: Any) -> None:
        """
        Change a column in every row of a table.
        """
        assert self._connection is not None
        self._connection.execute(update(metadata.tables[table]).values(**values))

    def message(self, body: str) -> int:
        """
        Store a message's body and give its id.
        """
        self._messages += 1
        self._insert(
            schema.messages,
            {"id": self._messages, "hash": self._messages.to_bytes(8, "big"), "body": body},
        )
        return self._messages

    def said(self, text: str, role: str = "user") -> int:
        """
        Store a message in the GenAI form and give its id.
        """
        parts = [{"type": "text", "content": text}]
        return self.message(json.dumps({"role": role, "parts": parts}, ensure_ascii=False))

    def run(self, run_id: str, tags: tuple[str, ...] = (), **values: Any) -> None:
        """
        Store a run.
        """
        started = values.pop("started_ns", NOON)
        counts = (
            "delegation_level",
            "iteration_count",
            "llm_calls",
            "failed_llm_calls",
            "tool_calls",
            "failed_tool_calls",
            "unpriced_calls",
        )
        row = {
            "run_id": run_id,
            "trace_id": run_id.rjust(32, "0"),
            "status": "success",
            "started_ns": started,
            "updated_ns": started,
            "tags": json.dumps(tags),
            "metadata": "{}",
        }
        self._insert(schema.runs, row | dict.fromkeys(counts, 0) | values)

    def llm_call(self, run_id: str, **values: Any) -> int:
        """
        Store an LLM call with its span and give the span's row id.
        """
        start = values.pop("start_ns", NOON)
        row = {
            "span": self.span(start_ns=start),
            "run_id": run_id,
            "counted": 1,
            "dialect": "semconv",
            "precedence": 1,
            "scope": 1,
            "operation": "chat",
            "start_ns": start,
            "end_ns": start + 100 * MS,
            "status": "ok",
            "finish_reasons": "[]",
            "input_messages": "[]",
            "output_messages": "[]",
        }
        self._insert(schema.llm_calls, row | values)
        return self._spans

    def tool_call(self, run_id: str, tool_name: str, **values: Any) -> None:
        """
        Store a tool call with its span.
        """
        start = values.pop("start_ns", NOON)
        row = {
            "span": self.span(start_ns=start),
            "run_id": run_id,
            "counted": 1,
            "dialect": "semconv",
            "tool_name": tool_name,
            "start_ns": start,
            "end_ns": start + 10 * MS,
            "status": "ok",
        }
        self._insert(schema.tool_calls, row | values)

    def step(self, run_id: str, ordinal: int, role: str, message: int, **values: Any) -> None:
        """
        Store a step.
        """
        row = {
            "step_id": f"{run_id}-{ordinal}",
            "run_id": run_id,
            "ordinal": ordinal,
            "role": role,
            "time_ns": NOON + ordinal,
            "span": self.span(),
            "message": message,
            "is_error": 0,
            "hidden": 0,
            "rolled_back": 0,
            "committed": 1,
        }
        self._insert(schema.steps, row | values)

    def session(self, session_id: str) -> None:
        """
        Store a session.
        """
        row = {"session_id": session_id, "started_ns": NOON, "updated_ns": NOON, "runs": 1}
        self._insert(schema.sessions, row)

    def event(self, run_id: str, kind: str, data: str | None = None) -> None:
        """
        Store an entry of the run log.
        """
        span = self.span()
        row = {"bound_seq": span, "span": span, "fact_key": kind, "kind": kind, "time_ns": NOON}
        self._insert(schema.run_log, row | {"run_id": run_id, "data": data})

    def span(self, *, start_ns: int = NOON) -> int:
        """
        Store a span and give its row id.
        """
        self._spans += 1
        row = {
            "id": self._spans,
            "trace_id": f"{self._spans:032x}",
            "span_id": f"{self._spans:016x}",
            "trace_state": "",
            "flags": 0,
            "name": "chat",
            "kind": 3,
            "start_ns": start_ns,
            "end_ns": start_ns + MS,
            "status_code": 0,
            "status_message": "",
            "attributes": '{"gen_ai.system":"openai"}',
            "dropped_attributes": 0,
            "dropped_events": 0,
            "dropped_links": 0,
            "resource_id": 1,
            "scope_id": 1,
        }
        self._insert(schema.spans, row)
        return self._spans

    def _insert(self, table: Any, row: dict[str, Any]) -> None:
        assert self._connection is not None
        self._connection.execute(insert(table), row)
