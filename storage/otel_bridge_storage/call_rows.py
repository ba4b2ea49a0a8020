"""
LLM calls and tool calls as rows: what one span says of its call, before copies are joined.
"""

import json
from functools import lru_cache
from typing import Any

from otel_bridge_storage.moments import PICO
from otel_bridge_storage.readings import CallReading, Message, Reading, ToolReading, has_failed
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.unit import Unit
from otel_bridge_storage.values import clean, plain

_DEAREST = 2**62


def llm_call_row(
    unit: Unit,
    span: SpanRecord,
    reading: Reading,
    call: CallReading,
    logged: tuple[tuple[Message, ...], tuple[Message, ...]] = ((), ()),
) -> dict[str, Any]:
    """
    Give the columns that one LLM span tells of its call.

    Args:
        logged: Input and output that log records beside the span carry; used where
            the span itself carries none.
    """
    usage = call.usage
    emitted = _picousd(call.emitted_cost_usd)
    return {
        "scope": unit.origins.scope_id(span.scope),
        "dialect": reading.dialect,
        "precedence": call.precedence,
        "operation": call.operation,
        "provider": text(call.provider),
        "request_model": text(call.request_model),
        "response_model": text(call.response_model),
        "response_id": text(call.response_id),
        "call_id": text(call.call_id),
        "echo": text(call.echo),
        **_timing(span, reading),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "emitted_cost_picousd": emitted,
        "emitted_cost_source": None if emitted is None else reading.dialect,
        "service_tier": text(call.service_tier),
        "time_to_first_chunk_ns": call.time_to_first_chunk_ns,
        "finish_reasons": _json_list(tuple(call.finish_reasons)),
        "input_messages": str(unit.message_ids(call.input or logged[0])),
        "output_messages": str(unit.message_ids(call.output or logged[1])),
        "agent_name": text(reading.agent_name),
        "labels": _labels(reading),
    }


def tool_call_row(
    unit: Unit, span: SpanRecord, reading: Reading, tool: ToolReading
) -> dict[str, Any]:
    """
    Give the columns that one tool span tells of its call.
    """
    return {
        "dialect": reading.dialect,
        "precedence": tool.precedence,
        "tool_name": clean(tool.tool_name),
        "tool_call_id": text(tool.tool_call_id),
        "echo": text(tool.echo),
        "target": text(tool.target),
        **_timing(span, reading),
        "arguments": unit.text_id(text(tool.arguments)),
        "result": unit.text_id(text(tool.result)),
    }


def text(value: str | None) -> str | None:
    """
    Make a text that telemetry gave fit to be stored.
    """
    return value if value is None or value.isascii() else clean(value)


@lru_cache(maxsize=1000)
def _json_list(texts: tuple[str, ...]) -> str:
    return json.dumps(texts)


def _timing(span: SpanRecord, reading: Reading) -> dict[str, Any]:
    failed = has_failed(reading, span)
    status = "running" if span.end_ns is None else "error" if failed else "ok"
    return {
        "iteration": reading.iteration,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "status": status,
        "error_type": text(reading.error_type),
        "error_message": text(reading.error_message or (span.status_message if failed else None)),
    }


def _labels(reading: Reading) -> str | None:
    labels: dict[str, Any] = {}
    if reading.tags:
        labels["tags"] = list(reading.tags)
    if reading.metadata:
        labels["metadata"] = dict(reading.metadata)
    if reading.tenant_id:
        labels["tenant_id"] = reading.tenant_id
    return plain(labels) if labels else None


def _picousd(cost_usd: float | None) -> int | None:
    if cost_usd is None or not 0 <= cost_usd * PICO <= _DEAREST:
        return None
    return round(cost_usd * PICO)
