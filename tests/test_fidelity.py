"""
What is stored is what was sent, field by field and type by type.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import captures
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otel_bridge_storage.records import LogRecord, SpanRecord
from otel_bridge_storage.run_store import RunStore
from otel_bridge_storage.values import encoder, load, map_references, prepare, resolve_map
from otlp_messages import by_content, messages, spans_of
from stored import rows, store
from trees import agent, message, span

from otel_bridge.otlp import decode_logs, decode_traces, encode_logs, encode_traces

slowly = settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def stored_spans(path: Path, trace_ids: set[str]) -> list[SpanRecord]:
    """
    Read spans back, trace by trace.
    """

    async def read() -> list[SpanRecord]:
        async with RunStore.from_url(path) as found:
            return [span for t in sorted(trace_ids) for span in await found.get_spans(t)]

    return asyncio.run(read())


def stored_logs(path: Path, trace_ids: set[str]) -> list[LogRecord]:
    """
    Read log records back, trace by trace.
    """

    async def read() -> list[LogRecord]:
        async with RunStore.from_url(path) as found:
            return [log for t in sorted(trace_ids) for log in await found.get_logs(t)]

    return asyncio.run(read())


@slowly
@given(messages(ExportTraceServiceRequest.DESCRIPTOR))
def test_every_field_of_a_span_survives_the_database(
    tmp_path_factory: pytest.TempPathFactory, request_message: Any
) -> None:
    """
    A request that was stored, read and encoded again has the same spans, whatever is in
    them.
    """
    assume(request_message.resource_spans)
    sent = decode_traces(request_message.SerializeToString()).records
    assume(len({span.key for span in sent}) == len(sent))
    path = tmp_path_factory.mktemp("fidelity") / "runs.db"
    store(path, [sent])
    found = stored_spans(path, {span.trace_id for span in sent})
    again = ExportTraceServiceRequest.FromString(encode_traces(found))
    assert by_content(spans_of(again)) == by_content(spans_of(request_message))


@slowly
@given(messages(ExportLogsServiceRequest.DESCRIPTOR))
def test_every_field_of_a_log_record_survives_the_database(
    tmp_path_factory: pytest.TempPathFactory, request_message: Any
) -> None:
    """
    A request that was stored, read and encoded again has the same log records; of equal
    ones, one.
    """
    assume(request_message.resource_logs)
    sent = decode_logs(request_message.SerializeToString()).records
    path = tmp_path_factory.mktemp("fidelity") / "runs.db"
    store(path, [sent])
    found = stored_logs(path, {log.trace_id for log in sent})
    again = ExportLogsServiceRequest.FromString(encode_logs(found))
    assert set(by_content(spans_of(again))) == set(by_content(spans_of(request_message)))


@pytest.mark.parametrize("name", captures.names())
def test_captures_come_back_unchanged(name: str, tmp_path: Path) -> None:
    """
    Real telemetry is encoded again as it came, although its messages are stored once.
    """
    files = captures.files(name, "traces", "pb")
    sent = [span for file in files for span in decode_traces(file.read_bytes()).records]
    store(tmp_path / "runs.db", [sent])
    found = stored_spans(tmp_path / "runs.db", {span.trace_id for span in sent})
    assert as_otlp(found) == as_otlp(sent)


def as_otlp(spans: list[SpanRecord]) -> list[str]:
    """
    Show spans as OTLP has them, in an order of their own.
    """
    return by_content(spans_of(ExportTraceServiceRequest.FromString(encode_traces(spans))))


KEYS = st.sampled_from(["a", "$text", "$list", "$map", "$bytes", "$double", "$separator", "b.c"])
LONG = st.text(min_size=1, max_size=5).map(lambda text: text * 300)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.binary(max_size=5)
    | st.text(max_size=5)
    | LONG
    | st.sampled_from(['[{"a": 1}, 2]' * 1, "[" + '"x",' * 100 + "1]", '["' + "y" * 300 + '"]']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_attributes_survive_their_json(attributes: dict[str, Any]) -> None:
    """
    Values of every type, long texts, and keys that look like our own marks come back.
    """
    found: list[str] = []
    prepared = prepare(attributes, found.append)
    numbers = {text: number for number, text in enumerate(dict.fromkeys(found), 1)}
    raw = load(encoder(numbers.__getitem__)(prepared))
    assert set(map_references(raw)) == set(numbers.values())
    texts = {number: text for text, number in numbers.items()}
    assert repr(resolve_map(raw, texts)) == repr(attributes)


def test_a_growing_prompt_stores_each_message_once(tmp_path: Path) -> None:
    """
    A hundred calls that each repeat the conversation store it once, in little space.
    """
    spans = [span(1, 1, end_ns=None, **agent("a"))]
    said: list[dict[str, Any]] = []
    for number in range(2, 102):
        said += json.loads(message("user", f"{number} " + "q" * 2000))
        fields = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.id": f"r{number}",
            "gen_ai.input.messages": json.dumps(said),
        }
        spans.append(span(1, number, 1, name="chat", attributes=fields))
    path = tmp_path / "runs.db"
    store(path, [[one] for one in spans])
    assert rows(path, "SELECT count(*) FROM messages") == [(100,)]
    assert path.stat().st_size < 1024 * 1024
    found = stored_spans(path, {spans[0].trace_id})
    assert as_otlp(found) == as_otlp(spans)
