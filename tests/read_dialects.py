"""
Reading single spans and logs with chosen dialects, for the tests of dialects.
"""

import json
from collections.abc import Mapping
from typing import Any

import captures
from otel_bridge_storage.readings import LogReading, Message, Reading
from otel_bridge_storage.records import EventRecord, LogRecord, ScopeRecord, SpanRecord

from otel_bridge.dialects import Dialects
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.semconv import SemConv
from otel_bridge.otlp import decode_traces

Parts = list[dict[str, Any]]


def span_of(
    attributes: Mapping[str, Any], *, scope: str = "", name: str = "s", **fields: Any
) -> SpanRecord:
    """
    Make a span.
    """
    return SpanRecord(
        trace_id="1" * 32,
        span_id="2" * 16,
        name=name,
        attributes=attributes,
        scope=ScopeRecord(name=scope),
        **fields,
    )


def event(name: str, **attributes: Any) -> EventRecord:
    """
    Make an event of a span; a double underscore in a key stands for a dot.
    """
    told = {key.replace("__", "."): value for key, value in attributes.items()}
    return EventRecord(name=name, time_ns=1, attributes=told)


def log_of(
    body: Any,
    *,
    event_name: str = "",
    scope: str = "",
    attributes: Mapping[str, Any] | None = None,
) -> LogRecord:
    """
    Make a log record that names a span.
    """
    return LogRecord(
        event_name=event_name,
        body=body,
        trace_id="1" * 32,
        span_id="2" * 16,
        attributes=attributes or {},
        scope=ScopeRecord(name=scope),
    )


class Reads:
    """
    Reads with a dialect before the plain conventions.
    """

    def __init__(self, *dialects: Dialect) -> None:
        self._dialects = Dialects([*dialects, SemConv()])

    def span(self, attributes: Mapping[str, Any], **fields: Any) -> Reading:
        """
        Read a span of some attributes.
        """
        return self._dialects.read_span(span_of(attributes, **fields))

    def call(self, attributes: Mapping[str, Any], **fields: Any) -> Any:
        """
        Read a span that is a request to a model.
        """
        call = self.span(attributes, **fields).call
        assert call is not None
        return call

    def tool(self, attributes: Mapping[str, Any], **fields: Any) -> Any:
        """
        Read a span that is an execution of a tool.
        """
        tool = self.span(attributes, **fields).tool
        assert tool is not None
        return tool

    def log(self, body: Any, **fields: Any) -> LogReading | None:
        """
        Read a log record.
        """
        return self._dialects.read_log(log_of(body, **fields))

    def capture(self, name: str) -> list[Reading]:
        """
        Read all spans of a capture.
        """
        return [
            self._dialects.read_span(span)
            for path in captures.files(name, "traces", "pb")
            for span in decode_traces(path.read_bytes()).records
        ]


def parts_of(message: Message) -> Parts:
    """
    Give the parts of a message.
    """
    found: Parts = json.loads(message.body)["parts"]
    return found


def told(messages: tuple[Message, ...]) -> list[tuple[str, Parts]]:
    """
    Give the roles and the parts of messages.
    """
    return [(message.role, parts_of(message)) for message in messages]
