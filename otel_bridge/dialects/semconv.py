"""
The GenAI conventions of OpenTelemetry, from 1.36 and before to the newest.

An `invoke_workflow` span is no run: a workflow orders agents, whose own spans are the
runs, and a run of its own would show one piece of work twice. `create_agent` makes an
agent and runs none; `plan`, `retrieval`, `fetch_response` and the operations of memories
are steps of a run and requests to no model.
"""

from dataclasses import replace

from otel_bridge_storage.readings import CallReading, LogReading, Reading
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import genai_logs, genai_messages, lenient, mcp
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.span_reading import OPERATION, read_as, told_by_log

_MODALITIES = ("text", "image", "audio")


class SemConv(Dialect):
    """
    The plain conventions, and whatever speaks them without a dialect of its own.
    """

    name = "semconv"
    attributes = (OPERATION, mcp.METHOD)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation, or by its method if it is one of MCP.
        """
        reading = read_as(self.name, span, role=mcp.role_of(span))
        if reading.call is not None and (call := _call(reading.call, span)) is not reading.call:
            reading = replace(reading, call=call)
        return told_by_log(reading) if span.name == genai_messages.DETAILS_EVENT else reading

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Read the conventions' events.
        """
        return genai_logs.read_log(log)


def _call(call: CallReading, span: SpanRecord) -> CallReading:
    usage = call.usage
    if usage.input_tokens is None and usage.output_tokens is None:
        usage = replace(
            usage, input_tokens=_summed(span, "input"), output_tokens=_summed(span, "output")
        )
    told = call.finish_reasons or genai_messages.finish_reasons(call.output)
    if usage is call.usage and told == call.finish_reasons:
        return call
    return replace(call, usage=usage, finish_reasons=told)


def _summed(span: SpanRecord, direction: str) -> int | None:
    """
    Add the tokens of each kind of content, of a span that tells no sum of them.
    """
    names = (f"gen_ai.usage.{kind}.{direction}_tokens" for kind in _MODALITIES)
    told = [lenient.count(span.attributes, (name,)) for name in names]
    return sum(count or 0 for count in told) or None
