"""
How facts look as spans: which one they belong to, its name, kind and attributes.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from opentelemetry.trace import SpanKind, StatusCode
from otel_bridge_storage.fact_codec import (
    LLM_CALL_ID,
    TOOL_CALL_ID,
    attributes_of,
    content_attributes,
)
from otel_bridge_storage.facts import (
    Fact,
    LLMCallCompleted,
    LLMCallFailed,
    LLMCallStarted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    ToolStepCommitted,
    ToolStepStarted,
)
from otel_bridge_storage.json_ready import json_text

from otel_bridge.messages import content_of, messages_of, parts_of

RUN, LLM, TOOL = "run", "llm", "tool"
STARTS = (RunStarted, LLMCallStarted, ToolStepStarted)
RUN_ID = "otel_bridge.run.id"
STATUS = "otel_bridge.run.status"
IMPLIED = "otel_bridge.run.implied"
STARTED_AT = "otel_bridge.run.started_at_ns"
RESTATED = "otel_bridge.run.restated"
LATE = "otel_bridge.late_fact"
KINDS = {RUN: SpanKind.INTERNAL, LLM: SpanKind.CLIENT, TOOL: SpanKind.INTERNAL}

Key = tuple[str, str, str]

_OPERATION = "gen_ai.operation.name"
_MODEL = "gen_ai.request.model"
_MESSAGE = "otel_bridge.error.message"
_ERRORS = (RunFailed, LLMCallFailed)


class LocalId(str):
    """
    An id that was made up here, because a call needs one; it is not written on the span.
    """

    __slots__ = ()


def key_of(fact: Fact) -> Key | None:
    """
    Say which span a fact starts or ends; None for a fact that is an event.
    """
    match fact:
        case RunStarted() | RunFinished() | RunFailed() | RunCancelled():
            return run_key(fact.run_id)
        case LLMCallStarted() | LLMCallCompleted() | LLMCallFailed():
            return (LLM, fact.run_id, fact.call_id)
        case ToolStepStarted() | ToolStepCommitted():
            return (TOOL, fact.run_id, fact.tool_call_id)
    return None


def run_key(run_id: str) -> Key:
    """
    Give the key of a run's span.
    """
    return (RUN, run_id, "")


def span_name(key: Key, attributes: Mapping[str, Any]) -> str:
    """
    Name a span as the GenAI conventions do.
    """
    part = key[0]
    if part == RUN:
        words = ("invoke_agent", attributes.get("gen_ai.agent.name"))
    elif part == TOOL:
        words = ("execute_tool", attributes.get("gen_ai.tool.name"))
    else:
        model = attributes.get(_MODEL) or attributes.get("gen_ai.response.model")
        words = (attributes.get(_OPERATION) or "chat", model)
    return " ".join(str(word) for word in words if word)


def identity(key: Key) -> dict[str, Any]:
    """
    Give the attributes that say what a span is and which.
    """
    part, run_id, own = key
    if part == RUN:
        return {_OPERATION: "invoke_agent", RUN_ID: run_id}
    operation = {_OPERATION: "chat"} if part == LLM else {_OPERATION: "execute_tool"}
    if isinstance(own, LocalId):
        return operation
    return {**operation, LLM_CALL_ID if part == LLM else TOOL_CALL_ID: own}


def span_attributes(fact: Fact, *, content: bool) -> dict[str, Any]:
    """
    Write a fact as attributes of its span, messages in the conventions' form.

    Args:
        content: Whether what people wrote is among them.
    """
    attributes = attributes_of(_converted(fact, content))
    attributes.pop(_MESSAGE, None)
    for field, name in (("call_id", LLM_CALL_ID), ("tool_call_id", TOOL_CALL_ID)):
        if isinstance(getattr(fact, field, None), LocalId):
            del attributes[name]
    if isinstance(fact, RunCancelled):
        attributes[STATUS] = "cancelled"
    return attributes if content else without_content(attributes)


def event_attributes(fact: Fact, *, content: bool) -> dict[str, Any]:
    """
    Write a fact as attributes of its event.

    Args:
        content: Whether what people wrote is among them.
    """
    said = getattr(fact, "content", None)
    if content and said is not None and not isinstance(said, str):
        fact = replace(fact, content=content_of(said))  # type: ignore[call-arg]
    attributes = attributes_of(fact)
    return attributes if content else without_content(attributes)


def status_of(fact: Fact, *, content: bool) -> tuple[StatusCode, str | None]:
    """
    Say how a fact that ends a span leaves it.

    Args:
        content: Whether the description may hold what people wrote.
    """
    if isinstance(fact, RunFinished):
        return StatusCode.OK, None
    failed = isinstance(fact, _ERRORS) or (isinstance(fact, ToolStepCommitted) and fact.is_error)
    if not failed:
        return StatusCode.UNSET, None
    return StatusCode.ERROR, attributes_of(fact).get(_MESSAGE) if content else None


def without_content(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Leave out what people wrote.
    """
    hidden = content_attributes()
    return {name: value for name, value in attributes.items() if name not in hidden}


def _converted(fact: Fact, content: bool) -> Fact:
    """
    Put the messages of a fact into the conventions' form.
    """
    changes: dict[str, Any] = {}
    for name, convert in _CONVERSIONS.items():
        value = getattr(fact, name, None)
        if value is not None:
            changes[name] = json_text(convert(value)) if content else None
    return replace(fact, **changes) if changes else fact


def _input(value: object) -> object:
    return messages_of(value, "user")


def _output(value: object) -> object:
    return messages_of(value, "assistant")


_CONVERSIONS: Mapping[str, Callable[[object], object]] = {
    "input": _input,
    "output": _output,
    "system_instructions": parts_of,
}
