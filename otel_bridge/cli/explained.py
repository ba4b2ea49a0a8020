"""
All that can be said of one span, as one document: how it was read, and what became of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_bridge_storage.explaining import SpanExplained
from otel_bridge_storage.moments import usd
from otel_bridge_storage.readings import LogReading, Reader
from otel_bridge_storage.same_calls import CallMember

from otel_bridge.cli.explained_price import Prices, priced
from otel_bridge.cli.explained_sums import checked_sums
from otel_bridge.cli.values import record
from otel_bridge.dialects.provenance import Provenance
from otel_bridge.dialects.stand_ins import event_name

Field = dict[str, Any]

_PATHS = {
    "llm": {
        "provider": "call.provider",
        "request_model": "call.request_model",
        "response_model": "call.response_model",
        "response_id": "call.response_id",
        "call_id": "call.call_id",
        "input_tokens": "call.usage.input_tokens",
        "output_tokens": "call.usage.output_tokens",
        "cache_read_tokens": "call.usage.cache_read_tokens",
        "cache_write_tokens": "call.usage.cache_write_tokens",
        "cache_write_1h_tokens": "call.usage.cache_write_1h_tokens",
        "reasoning_tokens": "call.usage.reasoning_tokens",
        "emitted_cost_picousd": "call.emitted_cost_usd",
        "service_tier": "call.service_tier",
        "finish_reasons": "call.finish_reasons",
        "time_to_first_chunk_ns": "call.time_to_first_chunk_ns",
        "input_messages": "call.input",
        "output_messages": "call.output",
        "iteration": "iteration",
        "agent_name": "agent_name",
        "error_type": "error_type",
        "error_message": "error_message",
    },
    "tool": {
        "tool_name": "tool.tool_name",
        "tool_call_id": "tool.tool_call_id",
        "target": "tool.target",
        "arguments": "tool.arguments",
        "result": "tool.result",
        "iteration": "iteration",
        "error_type": "error_type",
        "error_message": "error_message",
    },
}
_OF_LOGS = {"llm": "call", "run": "run"}


def document_of(
    found: SpanExplained, provenance: Provenance, reader: Reader, prices: Prices
) -> dict[str, Any]:
    """
    Put together what is stored of a span and where its reading came from.

    Args:
        found: What is stored.
        provenance: Where the fields of its reading came from.
        reader: Reads the log records that belong to it.
        prices: The prices of now.
    """
    span, reading, call = found.span, provenance.reading, found.call
    check = checked_sums(found)
    compared = {each["from"] for each in check}
    return {
        "span_id": span.span_id,
        "trace_id": span.trace_id,
        "name": span.name,
        "scope": f"{span.scope.name} {span.scope.version}".strip(),
        "service": span.resource.attributes.get("service.name"),
        "told_by": "log record" if found.from_log else "span",
        "log_records": [event_name(log) for log in found.logs],
        "dialect": reading.dialect,
        "dialect_by": [one.label for one in provenance.dialect_by],
        "role": reading.role.value,
        "role_by": [one.label for one in provenance.role_by],
        "stored_role": found.role,
        "fields": _fields(found, provenance, reader),
        "unused": [one.label for one in provenance.unused if one.label not in compared],
        "counted": None if call is None else call.counted,
        "not_counted_because": None if call is None else call.because,
        "call": None if call is None else _member(call),
        "counted_instead": [_member(each) for each in found.counted],
        "copies": [_member(each) for each in found.copies],
        "summed_up_by": [_member(each) for each in found.sums],
        "price": priced(call, prices) if found.role == "llm" and call is not None else None,
        "bound": [record(each) for each in found.bound],
        "parent_lost": found.parent_lost,
        "check": check,
    }


def _fields(found: SpanExplained, provenance: Provenance, reader: Reader) -> list[Field]:
    read: list[Field] = [
        {"field": each.path, "value": each.value, "from": [one.label for one in each.sources]}
        for each in provenance.fields
    ]
    known = {each["field"] for each in read}
    read += [each for each in _from_logs(found, reader) if each["field"] not in known]
    known = {each["field"] for each in read}
    read += [each for each in _from_copies(found) if each["field"] not in known]
    return read


def _from_logs(found: SpanExplained, reader: Reader) -> Iterator[Field]:
    """
    Give the messages that log records beside the span carry for it.
    """
    part = _OF_LOGS.get(found.role)
    told = [(log, reader.read_log(log)) for log in found.logs] if part else []
    said = [(event_name(log), reading) for log, reading in told if reading is not None]
    if any(reading.complete for _, reading in said):
        said = [(name, reading) for name, reading in said if reading.complete]
    for side in ("input", "output"):
        messages = [m for _, reading in said for m in _messages(reading, side)]
        names = dict.fromkeys(name for name, reading in said if _messages(reading, side))
        if messages:
            yield {
                "field": f"{part}.{side}",
                "value": list(dict.fromkeys(messages)),
                "from": [f"log record {name}" for name in names],
            }


def _messages(reading: LogReading, side: str) -> Sequence[Any]:
    return reading.input if side == "input" else reading.output


def _from_copies(found: SpanExplained) -> Iterator[Field]:
    """
    Give what the call has that its own span does not say: another that shows it does.
    """
    if found.call is None or not found.call.counted:
        return
    others = [*found.copies, *found.sums]
    for column, path in _PATHS[found.role].items():
        value = found.call.columns.get(column)
        if _says(value):
            giver = next((each for each in others if each.columns[column] == value), None)
            if giver is not None:
                yield {
                    "field": path,
                    "value": usd(value) if column == "emitted_cost_picousd" else value,
                    "from": [f"copy {giver.span_id}"],
                }


def _says(value: Any) -> bool:
    return value is not None and value != [] and value != 0


def _member(call: CallMember) -> Mapping[str, Any]:
    columns = dict(call.columns)
    for column in ("counted", "not_counted_because", "dialect"):
        columns.pop(column, None)
    said = record(call)
    del said["columns"]
    return {**said, **columns}
