"""
All kinds of database keep the same promises: the same telemetry gives the same answers.
"""

import json
import math
import random
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from backends import FILE, Backend, ask, picture, store
from captures import arrivals
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otel_bridge_queries import Queries
from otel_bridge_storage.records import EventRecord, LinkRecord, LogRecord, SpanRecord
from otel_bridge_storage.run_store import RunStore
from otlp_messages import by_content, messages, spans_of
from trees import NOON, agent, chat, forests, span, tool

from otel_bridge.otlp import decode_logs, decode_traces, encode_logs, encode_traces

# Of each way of telling something one.
TELLING = (
    "claude_code",
    "concurrent_openinference_anthropic",
    "double_openinference_langgraph_openai",
    "langsmith_otel_langgraph",
    "mlflow_openai",
    "nested_agent_framework",
    "openinference_google_adk",
    "openinference_openai_error",
    "otel_genai_anthropic",
    "otel_genai_openai_stream_nousage",
    "pydantic_ai_v1_events",
    "strands",
    "traceloop_old_anthropic",
    "vercel_ai6_anthropic",
)

slowly = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("name", TELLING)
def test_a_capture_gives_the_same_picture_everywhere(name: str, backend: Backend) -> None:
    """
    What is derived from real telemetry is the same on every kind of database, also when
    it comes shuffled, one by one and twice.
    """
    sent = arrivals(name)
    reference = backend.folder / "reference.db"
    store(str(reference), [sent])
    whole = picture(str(reference))
    assert whole["spans"]
    store(backend.target, [sent, sent])
    assert picture(backend.target) == whole
    shuffled = sent[:]
    random.Random(7).shuffle(shuffled)
    other = backend.fresh()
    store(other, [[arrival] for arrival in shuffled])
    assert picture(other) == whole


LONG = "x" * 10_000
NUL = "a\x00b"
LONE = "a\ud800b"
HUGE = 10**40
ODD = {
    "odd.nul": NUL,
    "odd.long nul": f"{LONG}\x00",
    "odd.list": '["' + "y" * 300 + '", "z"]',
    "odd.lone": LONE,
    "odd.huge": 2**63 - 1,
    "odd.nan": math.nan,
    "odd.infinite": -math.inf,
    "odd.bytes": b"\x00\xff" * 200,
    "odd.map": {"$text": 1, "": [None, True, NUL * 100]},
    "odd.\x00key": 1,
}


def odd_call(number: int) -> SpanRecord:
    """
    Make a call that says it took and cost more than anything can.
    """
    told = chat(f"response {LONG} {number}", 2**63 - 1)
    told["attributes"] |= {
        "otel_bridge.cost_usd": 1e18,
        "otel_bridge.llm_call.id": f"call {LONG} {number}",
        "gen_ai.request.model": LONG,
        **ODD,
    }
    return span(1, number, 1, **told)


def odd_spans() -> list[SpanRecord]:
    """
    Make a run whose every name, id and number is as odd as it can be.
    """
    started = agent(
        LONG,
        **{
            "otel_bridge.run.id": f"run {LONG}",
            "gen_ai.conversation.id": f"session {LONG}",
            "user.id": f"{NUL}{LONG}",
            "otel_bridge.tags": [f"tag {LONG}", NUL, LONE],
            "otel_bridge.metadata": json.dumps({LONG: LONG, NUL: NUL, LONE: HUGE}),
            **ODD,
        },
    )
    used = tool(f"{NUL}{LONG}", f"{NUL} {LONG}")
    used["attributes"] |= {"gen_ai.tool.call.arguments": NUL * 200, "error.type": NUL}
    events = (
        EventRecord(
            "otel_bridge.step.user",
            NOON,
            {"otel_bridge.fact.id": LONG, "otel_bridge.step.id": LONG, "content": NUL},
        ),
        EventRecord(f"otel_bridge.{LONG}", NOON, {"otel_bridge.fact.id": NUL + LONG, **ODD}),
    )
    return [
        span(1, 1, **started, events=events),
        *map(odd_call, range(2, 6)),
        span(1, 9, 1, **used, status_code=2, status_message=NUL),
        span(
            1,
            10,
            1,
            **{**agent(NUL), "name": NUL},
            links=(LinkRecord("0" * 31 + "1", "0" * 15 + "1", attributes=ODD),),
        ),
    ]


def test_odd_values_lose_no_span(backend: Backend) -> None:
    """
    Names and ids of ten thousand characters, NUL, lone surrogates and huge numbers are
    stored, found again, and give the same picture in any order.
    """
    sent = odd_spans()
    store(backend.target, [sent])
    other = backend.fresh()
    (*_, again) = store(other, [*([each] for each in reversed(sent)), sent])
    assert again.spans == 0
    assert picture(other) == picture(backend.target)
    found = ask(backend.target, lambda runs: runs.get_spans(sent[0].trace_id))
    assert [repr(one.attributes) for one in found] == [repr(one.attributes) for one in sent]
    run = ask(backend.target, lambda runs: runs.get_run(f"run {LONG}"))
    assert run is not None
    assert run.llm_calls == 4
    assert run.total_input_tokens is None
    assert run.session_id is not None
    assert len(run.session_id) == 512
    wanted: dict[str, Any] = {
        "agent_name": LONG,
        "session_id": f"session {LONG}",
        "user_id": f"{NUL}{LONG}",
        "tag": f"tag {LONG}",
    }
    for name, value in wanted.items():
        listed = ask(backend.target, partial(RunStore.list_runs, **{name: value}))
        assert run.run_id in [each.run_id for each in listed], name
    assert ask(backend.target, lambda runs: runs.list_runs(session_id=LONG)) == []
    with Queries(backend.target) as queries:
        report = queries.cost(**wanted, model=LONG, run_id=f"run {LONG}")
        assert report.dicts()[0]["llm_calls"] == 4


@pytest.mark.slow
@slowly
@given(forests(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_order_and_batching_do_not_matter(
    backend: Backend, forest: list[SpanRecord], chance: Any, size: int
) -> None:
    """
    Any forest, in any order, cut into any batches, some of them delivered twice, gives
    the picture that it gives in a SQLite file at once.
    """
    reference = Backend(FILE, backend.folder).target
    store(reference, [forest])
    shuffled = forest[:]
    chance.shuffle(shuffled)
    batches = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
    target = backend.fresh()
    store(target, [*batches, batches[0]])
    assert picture(target) == picture(reference)


@pytest.mark.slow
@slowly
@given(messages(ExportTraceServiceRequest.DESCRIPTOR))
def test_every_field_of_a_span_comes_back(backend: Backend, request_message: Any) -> None:
    """
    Whatever OTLP can say in a span is stored, read and encoded again as it was.
    """
    sent = decode_traces(request_message.SerializeToString()).records
    assume(sent and len({each.key for each in sent}) == len(sent))
    store(target := backend.fresh(), [sent])

    async def read_back(runs: RunStore) -> list[SpanRecord]:
        traces = sorted({each.trace_id for each in sent})
        return [each for trace in traces for each in await runs.get_spans(trace)]

    wanted = [held_span(each, backend) for each in sent]
    kind = ExportTraceServiceRequest
    assert by_content(spans_of(kind.FromString(encode_traces(ask(target, read_back))))) == (
        by_content(spans_of(kind.FromString(encode_traces(wanted))))
    )


@pytest.mark.slow
@slowly
@given(messages(ExportLogsServiceRequest.DESCRIPTOR))
def test_every_field_of_a_log_record_comes_back(backend: Backend, request_message: Any) -> None:
    """
    Whatever OTLP can say in a log record is stored, read and encoded again as it was.
    """
    sent = decode_logs(request_message.SerializeToString()).records
    assume(sent)
    store(target := backend.fresh(), [sent])

    async def read_back(runs: RunStore) -> list[LogRecord]:
        traces = sorted({each.trace_id for each in sent})
        return [each for trace in traces for each in await runs.get_logs(trace)]

    wanted = [held_log(each, backend) for each in sent]
    kind = ExportLogsServiceRequest
    assert set(by_content(spans_of(kind.FromString(encode_logs(ask(target, read_back)))))) == set(
        by_content(spans_of(kind.FromString(encode_logs(wanted))))
    )


def held_span(sent: SpanRecord, backend: Backend) -> SpanRecord:
    """
    Give a span as this kind of database holds it.
    """
    if not backend.may("NUL in names"):
        return sent
    return replace(
        sent,
        name=held(sent.name),
        trace_state=held(sent.trace_state),
        status_message=held(sent.status_message),
        **held_origins(sent),
    )


def held_log(sent: LogRecord, backend: Backend) -> LogRecord:
    """
    Give a log record as this kind of database holds it.
    """
    if not backend.may("NUL in names"):
        return sent
    return replace(
        sent,
        severity_text=held(sent.severity_text),
        event_name=held(sent.event_name),
        **held_origins(sent),
    )


def held_origins(sent: SpanRecord | LogRecord) -> dict[str, Any]:
    """
    Give resource and scope likewise; what is JSON in the database holds NUL.
    """
    resource, scope = sent.resource, sent.scope
    return {
        "resource": replace(resource, schema_url=held(resource.schema_url)),
        "scope": replace(
            scope,
            name=held(scope.name),
            version=held(scope.version),
            schema_url=held(scope.schema_url),
        ),
    }


def held(text: str) -> str:
    """
    Replace what PostgreSQL cannot hold.
    """
    return text.replace("\x00", "\ufffd")
