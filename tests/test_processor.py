"""
The processors never get in the way of the program that they record.
"""

import gc
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from otel_bridge_storage.records import SpanRecord
from recording_data import AGENT, CHAT, is_whole, names, recorded, rows, value

from otel_bridge.otlp import decode_traces
from otel_bridge.processor import RunLogLogRecordProcessor
from otel_bridge.sdk_records import SdkRecords


def nested(depth: int) -> Any:
    """
    Make a list in a list in a list.
    """
    made: Any = "bottom"
    for _ in range(depth):
        made = [made]
    return made


class Rude:
    """
    An object that raises whatever is asked of it.
    """

    def __str__(self) -> str:
        raise ValueError("rude")

    __repr__ = __str__


WEIRD: dict[str, Any] = {
    "surrogate": "a\ud800b",
    "nul": "a\x00b",
    "huge int": 2**200,
    "negative int": -(2**63) - 1,
    "nan": float("nan"),
    "infinity": float("inf"),
    "bytes": b"\xff\x00",
    "deep": nested(200),
    "very deep": nested(20_000),
    "mixed": ["a", 1, None, 2.5, True],
    "mapping": {"a": {"b": [1, {"c": b"x"}]}},
    "none": None,
    "object": Rude(),
    "set": {1, 2},
    "long": "x" * 1_000_000,
    "empty": "",
}

REFUSED_BY_THE_SDK = ("very deep", "object")


def raw_span(attributes: Mapping[str, Any]) -> ReadableSpan:
    """
    Make an ended span whose attributes the SDK has not looked at.
    """
    return ReadableSpan(
        "raw",
        context=SpanContext(1, 1, is_remote=False),
        resource=Resource.get_empty(),
        attributes=attributes,
        start_time=1,
        end_time=2,
    )


@pytest.mark.parametrize("kind", WEIRD)
@pytest.mark.parametrize("name", ["note", "gen_ai.input.messages", "gen_ai.usage.input_tokens"])
def test_weird_values_neither_raise_nor_cost_a_neighbour(
    tmp_path: Path, kind: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Whatever a program puts into an attribute, an event, a status or a name, its code goes
    on, and its other spans are stored.
    """
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    path = tmp_path / "runs.db"
    with recorded(path, redact=lambda _, text: text) as (provider, processor):
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("run", attributes=AGENT):
            tracer.start_span("before", attributes=CHAT).end()
            span = tracer.start_span("weird", attributes=CHAT)
            if kind not in REFUSED_BY_THE_SDK:
                span.set_attribute(name, WEIRD[kind])
                span.add_event("happened", {name: WEIRD[kind]})
            processor.on_event(span, "otel_bridge.x", {name: WEIRD[kind]}, 1)  # type: ignore[arg-type]
            span.end()
            processor.on_end(raw_span(CHAT | {name: WEIRD[kind]}))
            tracer.start_span("after", attributes=CHAT).end()
        processor.force_flush()
        stats = processor.recording.stats
        assert stats.waiting == 0
        assert stats.offered == stats.written + stats.lost
    stored = names(path)
    assert {"after", "before", "run"} <= set(stored)
    lost = {"raw", "weird"} - set(stored)
    assert len(lost) <= stats.failed
    assert is_whole(path)


@pytest.mark.parametrize("kind", [k for k in WEIRD if k not in REFUSED_BY_THE_SDK])
def test_weird_values_are_stored(tmp_path: Path, kind: str) -> None:
    """
    A span is stored whatever its attributes are, so long as they can be looked at.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        provider.get_tracer("test").start_span("weird", attributes={"note": WEIRD[kind]}).end()
        assert processor.force_flush()
    assert names(path) == ["weird"]


@pytest.mark.parametrize("text", ["a\ud800b", "a\x00b", "", "x" * 100_000])
def test_weird_texts_are_stored(tmp_path: Path, text: str) -> None:
    """
    Names, status messages and scopes that a database cannot hold cost nothing.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        tracer = provider.get_tracer(text or "x", text, text)
        with tracer.start_as_current_span(text, attributes={text: text}) as span:
            span.add_event(text, {text: text})
            span.set_status(Status(StatusCode.ERROR, text))
        assert processor.force_flush()
    assert len(names(path)) == 1


@pytest.mark.parametrize("kind", WEIRD)
def test_weird_logs_neither_raise_nor_cost_a_neighbour(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Whatever the body of an event is, the program goes on and other events are stored.
    """
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    path = tmp_path / "runs.db"
    with recorded(path) as (_, processor):
        logs = LoggerProvider(shutdown_on_exit=False)
        logs.add_log_record_processor(RunLogLogRecordProcessor(processor.recording))
        logger = logs.get_logger("test")
        for body in ("before", WEIRD[kind], "after"):
            logger.emit(LogRecord(event_name="gen_ai.choice", body=body, timestamp=1))
        processor.force_flush()
    stored = [body for (body,) in rows(path, "SELECT body FROM logs")]
    assert {'"before"', '"after"'} <= set(stored)


def test_plain_log_lines_are_left_alone(tmp_path: Path) -> None:
    """
    Only events are recorded: by their name, or by the attribute that named them before.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (_, processor):
        logs = LoggerProvider(shutdown_on_exit=False)
        logs.add_log_record_processor(RunLogLogRecordProcessor(processor.recording))
        logger = logs.get_logger("test")
        logger.emit(LogRecord(body="a line"))
        logger.emit(LogRecord(body="named", event_name="gen_ai.choice"))
        logger.emit(LogRecord(body="old", attributes={"event.name": "gen_ai.choice"}))
        logs.force_flush()
        logs.shutdown()
    assert {body for (body,) in rows(path, "SELECT body FROM logs")} == {'"named"', '"old"'}


def test_no_method_raises_after_close(tmp_path: Path) -> None:
    """
    A closed bridge lets the program's spans, events and logs pass.
    """
    with recorded(tmp_path / "runs.db") as (provider, processor):
        span = provider.get_tracer("test").start_span("open")
        processor.shutdown()
        processor.on_event(span, "otel_bridge.x", {}, 1)  # type: ignore[arg-type]
        span.end()
        logs = LoggerProvider(shutdown_on_exit=False)
        logs.add_log_record_processor(RunLogLogRecordProcessor(processor.recording))
        logs.get_logger("test").emit(LogRecord(event_name="x"))
        assert processor.force_flush()


def test_an_error_of_our_own_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Even a fault in the recording itself reaches no caller; it is counted and told.
    """
    with recorded(tmp_path / "runs.db") as (provider, processor):

        def broken(*_: object) -> bool:
            raise RuntimeError("a bug")

        processor.recording._takes = broken  # type: ignore[method-assign]
        span = provider.get_tracer("test").start_span("x")
        processor.on_event(span, "otel_bridge.x", {}, 1)  # type: ignore[arg-type]
        span.end()
        assert processor.recording.stats.lost == 3
        assert not processor.force_flush()
    assert "a bug" in caplog.text


def on_the_writer(processor: Any, act: Callable[[], None]) -> None:
    """
    Do something in the middle of a write, on the writer's thread.
    """
    recording = processor.recording
    done = threading.Event()
    write = recording._queue._writer._write

    def write_and_act(items: Sequence[Any]) -> None:
        write(items)
        if not done.is_set():
            done.set()
            act()

    recording._queue._writer._write = write_and_act
    recording._queue.offer(raw_span({}))
    assert done.wait(20)


def test_a_span_that_a_finaliser_ends_on_the_writer_is_kept(tmp_path: Path) -> None:
    """
    A garbage collector may end a span of the agent's on the writer's thread: it is
    recorded, and nothing waits for itself.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        tracer = provider.get_tracer("test")

        class Resourceful:
            """
            Ends a span when it is collected.
            """

            def __init__(self) -> None:
                self.me = self
                self.span = tracer.start_span("collected")

            def __del__(self) -> None:
                self.span.end()
                answers.append(processor.force_flush())

        def collect() -> None:
            gc.collect()

        answers: list[bool] = []
        gc.collect()
        gc.disable()
        try:
            Resourceful()
            on_the_writer(processor, collect)
        finally:
            gc.enable()
        assert processor.force_flush()
        assert answers == [False]
    assert names(path) == ["collected", "raw"]


def test_what_the_writers_own_work_makes_is_not_recorded(tmp_path: Path) -> None:
    """
    An instrumentation of the database that sees the writer work does not feed it for ever.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        tracer = provider.get_tracer("test")
        on_the_writer(processor, lambda: tracer.start_span("INSERT").end())
        assert processor.force_flush()
    assert names(path) == ["raw"]


def test_a_close_on_the_writers_thread_ends(tmp_path: Path) -> None:
    """
    A finaliser that closes the bridge on the writer's thread does not wait for itself.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (_, processor):
        answers: list[bool] = []
        on_the_writer(processor, lambda: answers.append(processor.recording.close()))
        thread = processor.recording._queue._thread
        if thread is not None:
            thread.join(20)
        assert answers == [False]
    assert names(path) == ["raw"]


def test_sizes_count_what_texts_hold(tmp_path: Path) -> None:
    """
    Texts in attributes, in lists and in events count towards the bound of what waits.
    """
    with recorded(tmp_path / "runs.db") as (provider, processor):
        queue = processor.recording._queue
        sizes: list[int] = []
        offer = queue.offer

        def counted(item: Any, size: int = 0) -> bool:
            sizes.append(size)
            return offer(item, size)

        queue.offer = counted  # type: ignore[method-assign]
        with provider.get_tracer("test").start_as_current_span("x") as span:
            span.set_attributes({"a": "x" * 10, "b": ["y" * 10, "z" * 10], "n": 5})
            span.add_event("e", {"content": "w" * 100})
        assert sizes == [0, 130]


def exported(span: ReadableSpan) -> SpanRecord:
    """
    Take a span the way that OpenTelemetry's exporter would send it.
    """
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    decoded = decode_traces(encode_spans([span]).SerializeToString())
    assert not decoded.rejected
    return decoded.records[0]


def test_a_record_is_what_otlp_would_carry() -> None:
    """
    A record made in the process equals the span's OTLP form, field by field.
    """
    limits = SpanLimits(
        max_span_attributes=4,
        max_events=2,
        max_links=2,
        max_event_attributes=1,
        max_link_attributes=1,
    )
    provider = TracerProvider(
        resource=Resource({"service.name": "s", "n": 1}, "https://r"),
        span_limits=limits,
        shutdown_on_exit=False,
    )
    tracer = provider.get_tracer("scope", "1.2", "https://s", {"k": "v"})
    state = TraceState([("a", "1"), ("b", "2")])
    remote = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    local = SpanContext(0xA3, 0xB4, is_remote=False, trace_flags=TraceFlags(1))
    span = tracer.start_span(
        "work",
        context=set_span_in_context(NonRecordingSpan(remote)),
        kind=SpanKind.CLIENT,
        links=[Link(remote, {"x": 1, "y": 2}), Link(local), Link(remote)],
        start_time=100,
    )
    values: Mapping[str, Any] = {
        "dropped": 0,
        "text": "t",
        "number": 2**62,
        "ratio": 0.5,
        "flags": [True, False],
    }
    span.set_attributes(values)
    for number in range(3):
        span.add_event(f"e{number}", {"a": 1, "b": "2"}, timestamp=110 + number)
    span.set_status(Status(StatusCode.ERROR, "broken"))
    span.end(200)
    assert isinstance(span, ReadableSpan)
    record = SdkRecords().span(span)
    assert record.dropped_attributes == 1
    assert record.dropped_events == record.dropped_links == 1
    ours, theirs = listed(asdict(record)), listed(asdict(exported(span)))
    assert ours == theirs


def listed(value: Any) -> Any:
    """
    Turn tuples into lists, which OTLP does not tell apart.
    """
    if isinstance(value, Mapping):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value


def test_resources_and_scopes_are_made_once_and_bounded() -> None:
    """
    The same resource and scope give the same record, and a program that makes ever new
    ones does not fill the memory.
    """
    make = SdkRecords()
    resource, scope = Resource({"a": 1}), InstrumentationScope("s")
    assert make.resource(resource) is make.resource(resource)
    assert make.scope(scope) is make.scope(scope)
    for number in range(5000):
        make.resource(Resource({"n": number}))
        make.scope(InstrumentationScope(f"s{number}"))
    assert len(make._resources) <= 1000
    assert len(make._scopes) <= 1000


def test_a_living_span_is_copied_whole(tmp_path: Path) -> None:
    """
    A span whose attributes change while it is being recorded costs nothing.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        for _ in range(20):
            with provider.get_tracer("test").start_as_current_span("busy") as span:
                for number in range(200):
                    span.set_attribute(f"a{number}", number)
                    span.add_event(f"e{number}")
        assert processor.force_flush()
        assert processor.recording.stats.lost == 0
    assert names(path) == ["busy"] * 20
    assert '"a199":199' in value(path, "SELECT attributes FROM spans LIMIT 1")
