"""
What a fact says whose data is the span itself: told by the rows made of that span.

The names are those of the fields of the fact's class in `facts`; what is not known is
left out.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from otel_bridge_storage.message_texts import is_plain, json_or_text, message_of, text_of
from otel_bridge_storage.moments import milliseconds, usd
from otel_bridge_storage.schema import llm_calls, runs, tool_calls
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.values import resolve

_NS_PER_S = 1_000_000_000
_RUNS = Lookup(select(runs).where(KEYS), runs.c.run_id)
_LLM_CALLS = Lookup(select(llm_calls).where(KEYS), llm_calls.c.span)
_TOOL_CALLS = Lookup(select(tool_calls).where(KEYS), tool_calls.c.span)
_IDENTITY = (
    "agent_name",
    "agent_id",
    "session_id",
    "user_id",
    "tenant_id",
    "parent_run_id",
    "strategy",
)
_USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)

Row = Mapping[Any, Any]
Texts = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Subjects:
    """
    The runs, LLM calls and tool calls that some entries of the run log are about.
    """

    runs: Mapping[str, Row]
    llm_calls: Mapping[int, Row]
    tool_calls: Mapping[int, Row]

    @classmethod
    def fetch(cls, connection: Connection, entries: Sequence[Row]) -> "Subjects":
        """
        Read the rows that tell the entries without data of their own.
        """

        def find(lookup: Lookup, part: str, key: str) -> dict[Any, Row]:
            wanted = {entry[key] for entry in entries if entry["kind"].startswith(part)}
            rows = lookup.rows(connection, sorted(wanted - {None}))
            return {getattr(row, key): row._asdict() for row in rows}

        return cls(
            find(_RUNS, "run.", "run_id"),
            find(_LLM_CALLS, "llm_call.", "span"),
            find(_TOOL_CALLS, "tool.", "span"),
        )

    def texts(self) -> Iterable[int]:
        """
        List the texts that the rows refer to.
        """
        for row in self.runs.values():
            yield from (row["input_message"], row["answer_message"])
        for row in self.tool_calls.values():
            yield from (row["arguments"], row["result"])

    def row(self, entry: Row) -> Row | None:
        """
        Give the row that an entry is about.
        """
        if entry["kind"].startswith("run."):
            return self.runs.get(entry["run_id"])
        calls = self.llm_calls if entry["kind"].startswith("llm_call.") else self.tool_calls
        return calls.get(entry["span"])


def told(entry: Row, subjects: Subjects, texts: Texts) -> dict[str, Any]:
    """
    Say what an entry without data of its own tells; nothing where its kind is unknown.
    """
    row, tell = subjects.row(entry), _TELLERS.get(entry["kind"])
    if row is None or tell is None:
        return {}
    return {name: value for name, value in tell(entry, row, texts).items() if value is not None}


def _run_started(entry: Row, run: Row, texts: Texts) -> dict[str, Any]:
    data: dict[str, Any] = {name: run[name] for name in _IDENTITY}
    data["tags"] = json.loads(run["tags"]) or None
    data["metadata"] = resolve(json.loads(run["metadata"]), {}) or None
    # A run that went on elsewhere starts once more; the row tells of its first start.
    if entry["span_id"] == run["span_id"]:
        data["input"] = _content(texts.get(run["input_message"]))
    return data


def _run_ended(entry: Row, run: Row, texts: Texts) -> dict[str, Any]:
    # An earlier stretch of the run ended without an answer.
    if entry["time_ns"] != run["ended_ns"]:
        return {}
    if entry["kind"] == "run.cancelled":
        return {"reason": run["termination_reason"]}
    data = {"termination_reason": run["termination_reason"]}
    if entry["kind"] == "run.finished":
        return {**data, "output": _content(texts.get(run["answer_message"]))}
    return {**data, "error_type": run["error_type"], "error_message": run["error_message"]}


def _llm_call_started(_: Row, call: Row, __: Texts) -> dict[str, Any]:
    return {
        "call_id": call["call_id"],
        "operation": call["operation"],
        "model": call["request_model"],
        "provider": call["provider"],
    }


def _llm_call_ended(_: Row, call: Row, __: Texts) -> dict[str, Any]:
    first_ns = call["time_to_first_chunk_ns"]
    return {
        "call_id": call["call_id"],
        "model": call["response_model"] or call["request_model"],
        "response_id": call["response_id"],
        "finish_reasons": json.loads(call["finish_reasons"]) or None,
        **{name: call[name] for name in _USAGE},
        "cost_usd": usd(call["cost_picousd"]),
        "unpriced_reason": call["unpriced_reason"],
        "time_to_first_chunk_s": None if first_ns is None else first_ns / _NS_PER_S,
        "duration_ms": milliseconds(call["start_ns"], call["end_ns"]),
        "error_type": call["error_type"],
        "error_message": call["error_message"],
    }


def _tool_started(_: Row, call: Row, texts: Texts) -> dict[str, Any]:
    return {
        "tool_call_id": call["tool_call_id"],
        "tool_name": call["tool_name"],
        "arguments": json_or_text(texts.get(call["arguments"])),
        "target": call["target"],
    }


def _tool_committed(_: Row, call: Row, texts: Texts) -> dict[str, Any]:
    return {
        "tool_call_id": call["tool_call_id"],
        "tool_name": call["tool_name"],
        "result": json_or_text(texts.get(call["result"])),
        "is_error": call["status"] == "error",
        "error_type": call["error_type"],
        "error_message": call["error_message"],
        "duration_ms": milliseconds(call["start_ns"], call["end_ns"]),
    }


def _content(body: str | None) -> Any:
    if body is None:
        return None
    message = message_of(body)
    return text_of(message) if is_plain(message) else [message]


_TELLERS: Mapping[str, Callable[[Row, Row, Texts], dict[str, Any]]] = {
    "run.started": _run_started,
    "run.finished": _run_ended,
    "run.failed": _run_ended,
    "run.cancelled": _run_ended,
    "llm_call.started": _llm_call_started,
    "llm_call.completed": _llm_call_ended,
    "llm_call.failed": _llm_call_ended,
    "tool.started": _tool_started,
    "tool.committed": _tool_committed,
}
