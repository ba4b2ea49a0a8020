"""
Databases for tests of the read store: spans with attributes that say what they mean.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.liveness import Writer
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import (
    CallReading,
    FactReading,
    LogReading,
    Message,
    Price,
    Reading,
    Role,
    RunReading,
    ToolReading,
    Usage,
)
from otel_bridge_storage.records import EventRecord, LogRecord, ResourceRecord, SpanRecord

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = 1_000_000_000
START_NS = int(START.timestamp()) * SECOND
TRACE = "a" * 32


def at(seconds: float) -> int:
    """
    Give a moment, counted from START, in nanoseconds since the epoch.
    """
    return START_NS + int(seconds * SECOND)


def when(seconds: float) -> datetime:
    """
    Give the same moment as a datetime.
    """
    return START + timedelta(seconds=seconds)


def said(role: str, text: str) -> Message:
    """
    Make a message of one text.
    """
    return Message(role, json.dumps({"role": role, "parts": [{"type": "text", "content": text}]}))


class PlainReader:
    """
    Reads attributes named as the fields of readings are.
    """

    def read_span(self, span: SpanRecord) -> Reading:
        """
        Take the attribute `is` as the role and the others as the reading's fields.
        """
        told = dict(span.attributes)
        role = Role(told.get("is", "other"))
        facts = [fact for event in span.events if (fact := self.read_event(event)) is not None]
        common = {
            name: told[name]
            for name in (
                "agent_name",
                "session_id",
                "user_id",
                "tenant_id",
                "iteration",
                "error_type",
                "error_message",
            )
            if name in told
        }
        return Reading(
            role=role,
            dialect="plain",
            tags=tuple(told.get("tags", ())),
            metadata=told.get("metadata", {}),
            run=_run(told) if role is Role.RUN else None,
            call=_call(told) if role is Role.LLM else None,
            tool=_tool(told) if role is Role.TOOL else None,
            facts=tuple(facts),
            **common,
        )

    def read_event(self, event: EventRecord) -> FactReading | None:
        """
        Take every event as a fact of that kind.
        """
        data = dict(event.attributes)
        key = str(data.pop("key", f"{event.name}@{event.time_ns}"))
        return FactReading(key=key, kind=event.name, time_ns=event.time_ns, data=data)

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Find nothing in logs.
        """
        return None


class FlatPricer:
    """
    A dollar for a million tokens, of a provider that is known.
    """

    def price(
        self,
        *,
        provider: str | None,
        model: str | None,
        usage: Usage,
        time_ns: int,
        service_tier: str | None = None,
    ) -> Price:
        """
        Price one call.
        """
        if provider is None or usage.input_tokens is None:
            return Price(unpriced_reason="unknown provider")
        return Price(picousd=(usage.input_tokens + (usage.output_tokens or 0)) * 1_000_000)


def run(span_id: str, run_id: str, start: float, end: float | None, **told: Any) -> SpanRecord:
    """
    Make a span that is a run.
    """
    return span(span_id, start, end, **{"is": "run", "run_id": run_id, **told})


def call(span_id: str, start: float, end: float | None, **told: Any) -> SpanRecord:
    """
    Make a span that is an LLM call.
    """
    return span(span_id, start, end, **{"is": "llm", **told})


def tool(span_id: str, start: float, end: float | None, **told: Any) -> SpanRecord:
    """
    Make a span that is an execution of a tool.
    """
    return span(span_id, start, end, **{"is": "tool", **told})


def span(
    span_id: str,
    start: float,
    end: float | None,
    *,
    parent: str | None = None,
    trace: str = TRACE,
    failed: bool = False,
    facts: tuple[EventRecord, ...] = (),
    service: str = "shop",
    **told: Any,
) -> SpanRecord:
    """
    Make a span from START on; ids are padded to their length.
    """
    return SpanRecord(
        trace_id=trace.ljust(32, "0"),
        span_id=span_id.ljust(16, "0"),
        parent_span_id=parent and parent.ljust(16, "0"),
        name=span_id,
        start_ns=at(start),
        end_ns=None if end is None else at(end),
        attributes=told,
        events=facts,
        status_code=2 if failed else 0,
        resource=ResourceRecord(attributes={"service.name": service}),
    )


def fact(kind: str, seconds: float, **data: Any) -> EventRecord:
    """
    Make a fact.
    """
    return EventRecord(kind, at(seconds), data)


@contextmanager
def writing(path: Path, writer: Writer | None = None) -> Iterator[Ingestor]:
    """
    Open a database for writing.
    """
    with open_database(path) as database:
        yield Ingestor(database, reader=PlainReader(), pricer=FlatPricer(), writer=writer)


def write(path: Path, *arrivals: Any) -> Path:
    """
    Write what arrives into a database and close it.
    """
    with writing(path) as ingestor:
        ingestor.apply(arrivals)
    return path


def _run(told: dict[str, Any]) -> RunReading:
    names = ("run_id", "parent_run_id", "agent_id", "status", "strategy", "termination_reason")
    return RunReading(
        **{name: told[name] for name in names if name in told},
        input=_messages("user", told.get("input")),
        output=_messages("assistant", told.get("output")),
    )


def _call(told: dict[str, Any]) -> CallReading:
    names = ("operation", "provider", "response_id", "call_id", "precedence", "emitted_cost_usd")
    usage = {name: told[name] for name in Usage.__dataclass_fields__ if name in told}
    return CallReading(
        **{name: told[name] for name in names if name in told},
        request_model=told.get("model"),
        response_model=told.get("response_model", told.get("model")),
        usage=Usage(**usage),
        finish_reasons=tuple(told.get("finish_reasons", ())),
        time_to_first_chunk_ns=told.get("first_ns"),
        input=_messages("user", told.get("asked")),
        output=_messages("assistant", told.get("answered")),
    )


def _tool(told: dict[str, Any]) -> ToolReading:
    names = ("tool_name", "tool_call_id", "target", "arguments", "result")
    return ToolReading(**{name: told[name] for name in names if name in told})


def _messages(role: str, told: Any) -> tuple[Message, ...]:
    if told is None:
        return ()
    texts = told if isinstance(told, list) else [told]
    return tuple(
        Message(role, text) if text.startswith("{") else said(role, text) for text in texts
    )
