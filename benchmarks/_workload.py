"""
The work of made-up agents: the same traces on every machine, as SDK spans and as records.

A trace has twenty spans: an agent, six steps of its own code with a model call and a tool
in each, and a last model call. They carry what the GenAI conventions ask for, content
included; each call repeats the conversation so far, as calls do. In OTLP a span takes
about 1.7 KB.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind, Tracer, set_span_in_context
from otel_bridge_storage.records import SpanRecord

from otel_bridge.sdk_records import SdkRecords

SPANS_PER_TRACE = 20
_STEPS = 6
_EPOCH_NS = 1_750_000_000_000_000_000
_MS = 1_000_000
_MODELS = (("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-4o-mini"))
_AGENTS = ("planner", "researcher", "writer", "reviewer")
_TOOLS = ("search", "read_file", "query_database", "send_mail")
_WORDS = [
    "order",
    "customer",
    "invoice",
    "total",
    "refund",
    "shipped",
    "pending",
    "amount",
    "policy",
    "approve",
    "warehouse",
    "search",
    "result",
    "document",
    "page",
    "summary",
    "table",
    "column",
    "value",
    "because",
    "therefore",
    "next",
    "check",
    "model",
    "answer",
    "question",
    "context",
    "window",
    "token",
    "budget",
    "limit",
    "retry",
    "error",
    "success",
]


@dataclass(frozen=True, slots=True)
class Piece:
    """
    One span to be.

    Attributes:
        asked: Attributes that are known when it starts.
        answered: Attributes that are known when it ends.
        offset_ms: Its start, from the start of the trace.
    """

    name: str
    kind: SpanKind
    offset_ms: int
    duration_ms: int
    asked: dict[str, Any]
    answered: dict[str, Any] = field(default_factory=dict)
    children: Sequence["Piece"] = ()


class SeededIds(IdGenerator):
    """
    Trace and span ids that are the same in every run of a program.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def generate_trace_id(self) -> int:
        """
        Give a trace id.
        """
        return self._random.getrandbits(128) | 1

    def generate_span_id(self) -> int:
        """
        Give a span id.
        """
        return self._random.getrandbits(64) | 1


def provider(*processors: SpanProcessor, seed: int = 1) -> TracerProvider:
    """
    Make a tracer provider of its own, which nothing else in the process uses.
    """
    made = TracerProvider(
        resource=Resource({"service.name": "benchmark", "service.version": "1.0"}),
        span_limits=SpanLimits(max_span_attributes=1000),
        id_generator=SeededIds(seed),
        shutdown_on_exit=False,
    )
    for processor in processors:
        made.add_span_processor(processor)
    return made


def traces(count: int, *, seed: int = 1, tool_bytes: int = 220, calls: int = 7) -> list[Piece]:
    """
    Make up traces.

    Args:
        tool_bytes: Length of what a tool answers.
        calls: Model calls of a trace; there is one step and one tool call fewer.
    """
    source = random.Random(seed)
    return [_trace(source, number, tool_bytes, calls) for number in range(count)]


def play(
    tracer: Tracer, piece: Piece, base_ns: int = _EPOCH_NS, context: Context | None = None
) -> int:
    """
    Start and end a span and all below it, without waiting; the times are made up too.

    Returns:
        How many spans that were.
    """
    span = tracer.start_span(
        piece.name,
        context=Context() if context is None else context,
        kind=piece.kind,
        attributes=piece.asked,
        start_time=base_ns + piece.offset_ms * _MS,
    )
    inside = set_span_in_context(span, Context())
    count = 1 + sum(play(tracer, child, base_ns, inside) for child in piece.children)
    if piece.answered:
        span.set_attributes(piece.answered)
    span.end(base_ns + (piece.offset_ms + piece.duration_ms) * _MS)
    return count


def spans(pieces: Iterable[Piece], *, seed: int = 1, apart_ms: int = 60_000) -> list[ReadableSpan]:
    """
    Play traces and give their ended spans, trace by trace, in the order in which they ended.

    Args:
        apart_ms: From the start of one trace to the start of the next.
    """
    kept = _Kept()
    tracer = provider(kept, seed=seed).get_tracer("benchmark.agents", "1.0")
    for number, piece in enumerate(pieces):
        play(tracer, piece, _EPOCH_NS + number * apart_ms * _MS)
    return kept.ended


def records(pieces: Iterable[Piece], *, seed: int = 1) -> list[SpanRecord]:
    """
    Play traces and give their spans as records.
    """
    make = SdkRecords()
    return [make.span(span) for span in spans(pieces, seed=seed)]


class _Kept(SpanProcessor):
    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


def _trace(source: random.Random, number: int, tool_bytes: int, calls: int) -> Piece:
    provider_name, model = source.choice(_MODELS)
    agent = source.choice(_AGENTS)
    common = {"gen_ai.agent.name": agent, "gen_ai.conversation.id": f"conversation-{number // 5}"}
    question = _message("user", _text(source, 200))
    history = [_message("system", _text(source, 400)), question]
    parts: list[Piece] = []
    for step in range(calls - 1):
        at = 10 + step * 3000
        call_id = f"call_{source.getrandbits(64):016x}"
        tool = source.choice(_TOOLS)
        arguments = {"query": _text(source, 60), "limit": source.randrange(100)}
        request = {"type": "tool_call", "id": call_id, "name": tool, "arguments": arguments}
        answer = _message("assistant", _text(source, 120), request)
        chat = _chat(source, common, provider_name, model, at + 5, history, answer)
        result = _text(source, tool_bytes)
        execution = Piece(
            f"execute_tool {tool}",
            SpanKind.INTERNAL,
            at + 2000,
            source.randrange(5, 900),
            common
            | {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": call_id,
                "gen_ai.tool.call.arguments": _json(arguments),
            },
            {"gen_ai.tool.call.result": result},
        )
        history = [*history, answer, _tool_message(call_id, result)]
        parts.append(
            Piece(
                f"step {step}",
                SpanKind.INTERNAL,
                at,
                2950,
                {
                    "code.function.name": "Agent.step",
                    "step.number": step,
                    "step.note": _text(source, 150),
                },
                children=(chat, execution),
            )
        )
    end = 10 + (calls - 1) * 3000
    answer = _message("assistant", _text(source, 500))
    parts.append(_chat(source, common, provider_name, model, end, history, answer))
    return Piece(
        f"invoke_agent {agent}",
        SpanKind.INTERNAL,
        0,
        end + 3000,
        common
        | {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": provider_name,
            "gen_ai.request.model": model,
            "gen_ai.agent.id": f"agent-{agent}",
            "gen_ai.input.messages": _json([question]),
        },
        {"gen_ai.output.messages": _json([answer])},
        tuple(parts),
    )


def _chat(
    source: random.Random,
    common: dict[str, Any],
    provider_name: str,
    model: str,
    at: int,
    history: list[dict[str, Any]],
    answer: dict[str, Any],
) -> Piece:
    asked = _json(history)
    return Piece(
        f"chat {model}",
        SpanKind.CLIENT,
        at,
        source.randrange(300, 1900),
        common
        | {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider_name,
            "gen_ai.request.model": model,
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.max_tokens": 4096,
            "server.address": "api.example.com",
            "server.port": 443,
            "gen_ai.input.messages": asked,
        },
        {
            "gen_ai.response.model": model,
            "gen_ai.response.id": f"resp_{source.getrandbits(96):024x}",
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.usage.input_tokens": len(asked) // 4,
            "gen_ai.usage.output_tokens": source.randrange(20, 400),
            "gen_ai.usage.cache_read.input_tokens": len(asked) // 8,
            "gen_ai.output.messages": _json([answer | {"finish_reason": "stop"}]),
        },
    )


def _text(source: random.Random, length: int) -> str:
    words: list[str] = []
    size = 0
    while size < length:
        word = source.choice(_WORDS)
        words.append(word)
        size += len(word) + 1
    return " ".join(words)[:length]


def _message(role: str, text: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}, *parts]}


def _tool_message(call_id: str, result: str) -> dict[str, Any]:
    part = {"type": "tool_call_response", "id": call_id, "response": result}
    return {"role": "tool", "parts": [part]}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
