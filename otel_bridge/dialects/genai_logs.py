"""
What the log records of the GenAI conventions tell: whole calls, and single messages.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import LogReading, Message
from otel_bridge_storage.records import LogRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects.genai_messages import (
    CHOICE_EVENT,
    DETAILS_EVENT,
    MESSAGE_EVENTS,
    add_legacy,
    input_messages,
    output_messages,
)
from otel_bridge.dialects.span_reading import OPERATION
from otel_bridge.dialects.stand_ins import event_name, stand_in


def read_log(log: LogRecord) -> LogReading | None:
    """
    Read a log record that follows the conventions.
    """
    name = event_name(log)
    if name == DETAILS_EVENT:
        return _details(log)
    if name == CHOICE_EVENT or name in MESSAGE_EVENTS:
        return _message(name, log)
    return None


def _details(log: LogRecord) -> LogReading:
    """
    Read the event that tells of a whole call, the same as the call's span does.
    """
    body = lenient.structure(log.body)
    told: Mapping[str, Any] = {OPERATION: "chat"}
    told = {**told, **(body if isinstance(body, dict) else {}), **log.attributes}
    return LogReading(
        input=input_messages(told),
        output=output_messages(told),
        complete=True,
        span=stand_in(log, DETAILS_EVENT, attributes=told),
    )


def _message(name: str, log: LogRecord) -> LogReading | None:
    sent: list[Message] = []
    received: list[Message] = []
    body = lenient.structure(log.body)
    if isinstance(body, dict):
        add_legacy(name, body, sent, received)
    elif isinstance(log.body, str) and log.body:
        add_legacy(name, {"content": log.body}, sent, received)
    if not sent and not received:
        return None
    return LogReading(input=tuple(sent), output=tuple(received))
