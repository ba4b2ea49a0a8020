"""
Dialects read whatever comes: any value under any name, in spans, events and log records.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import captures
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import Message, Reading, Role, Usage
from otel_bridge_storage.records import EventRecord, LogRecord, ScopeRecord, SpanRecord
from otel_bridge_storage.span_rows import load_by_id
from stored import rows, store

from otel_bridge.dialects.registry import Dialects, built_in

TRACE, SPAN = "1" * 32, "2" * 16
CALM = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def _seen() -> tuple[list[SpanRecord], list[LogRecord]]:
    arrivals = [each for name in captures.names() for each in captures.arrivals(name)]
    return (
        [each for each in arrivals if isinstance(each, SpanRecord)],
        [each for each in arrivals if isinstance(each, LogRecord)],
    )


SPANS, LOGS = _seen()
"""
All that real instrumentations sent.
"""
NAMES = sorted(
    {name for span in SPANS for name in span.attributes}
    | {name for log in LOGS for name in log.attributes}
    | {name for span in SPANS for event in span.events for name in event.attributes}
)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.sampled_from(["{", "[]", "{}", "[[]]", "null", '{"a":1e999}', "[" * 2000, "\ud800", "\0"]),
)
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
as_json = nested.map(lambda value: json.dumps(value, default=str))
values = st.one_of(nested, as_json)


@st.composite
def distorted(draw: st.DrawFn, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Draw attributes of a real span with some values changed, others left out or added.
    """
    result = dict(attributes)
    for name in draw(st.lists(st.sampled_from(sorted(result) or NAMES), max_size=4)):
        result[name] = draw(st.one_of(values, _inside(result.get(name))))
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=3)):
        result[name] = draw(values)
    for name in draw(st.lists(st.sampled_from(sorted(result) or NAMES), max_size=2)):
        result.pop(name, None)
    return result


def _inside(value: Any) -> st.SearchStrategy[Any]:
    """
    Change something inside a value that holds JSON.
    """
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return values
    if isinstance(parsed, dict) and parsed:
        return st.tuples(st.sampled_from(sorted(parsed)), values).map(
            lambda pair: json.dumps({**parsed, pair[0]: pair[1]}, default=str)
        )
    if isinstance(parsed, list) and parsed:
        return values.map(lambda one: json.dumps([one, *parsed[1:]], default=str))
    return values


@st.composite
def spans(draw: st.DrawFn) -> SpanRecord:
    """
    Draw a distorted real span.
    """
    real = draw(st.sampled_from(SPANS))
    events = [
        EventRecord(event.name, 5, draw(distorted(event.attributes))) for event in real.events
    ]
    return SpanRecord(
        trace_id=TRACE,
        span_id=SPAN,
        name=draw(st.one_of(st.just(real.name), st.text(max_size=9))),
        kind=real.kind,
        start_ns=10,
        end_ns=draw(st.sampled_from([None, 20])),
        attributes=draw(distorted(real.attributes)),
        events=events,
        status_code=draw(st.integers(0, 2)),
        status_message=real.status_message,
        scope=draw(st.sampled_from([real.scope, ScopeRecord()])),
    )


@st.composite
def logs(draw: st.DrawFn) -> LogRecord:
    """
    Draw a distorted real log record.
    """
    real = draw(st.sampled_from(LOGS))
    return LogRecord(
        trace_id=draw(st.sampled_from(["", TRACE])),
        span_id=draw(st.sampled_from(["", SPAN])),
        time_ns=draw(st.sampled_from([0, 30])),
        event_name=real.event_name,
        body=draw(st.one_of(st.just(real.body), values, _inside(real.body))),
        attributes=draw(distorted(real.attributes)),
        scope=real.scope,
    )


def assert_sound(reading: Reading) -> None:
    """
    See that a reading keeps its contract.
    """
    parts = {Role.RUN: reading.run, Role.LLM: reading.call, Role.TOOL: reading.tool}
    assert [role for role, part in parts.items() if part is not None] in (
        [reading.role],
        [] if reading.role is Role.OTHER else None,
    )
    for name in ("agent_name", "session_id", "user_id", "error_type", "error_message"):
        assert isinstance(getattr(reading, name), str | None)
    if reading.call is not None:
        _assert_sound_usage(reading.call.usage)
        assert reading.call.emitted_cost_usd is None or reading.call.emitted_cost_usd > 0
        for name in ("provider", "request_model", "response_model", "response_id", "echo"):
            assert isinstance(getattr(reading.call, name), str | None)
    if reading.tool is not None:
        assert isinstance(reading.tool.tool_name, str)
        assert isinstance(reading.tool.tool_call_id, str | None)
        assert isinstance(reading.tool.result, str | None)
        assert reading.tool.arguments is None or json.loads(reading.tool.arguments) is not ...
    for part in (reading.call, reading.run):
        if part is not None:
            _assert_messages((*part.input, *part.output))


def _assert_sound_usage(usage: Usage) -> None:
    counts = [getattr(usage, name) for name in Usage.__dataclass_fields__]
    assert all(count is None or (isinstance(count, int) and count >= 0) for count in counts)
    if usage.input_tokens is not None:
        parts = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        assert usage.input_tokens >= parts
    if usage.output_tokens is not None:
        assert usage.output_tokens >= (usage.reasoning_tokens or 0)


def _assert_messages(messages: tuple[Message, ...]) -> None:
    for message in messages:
        assert message.role in ("system", "user", "assistant", "tool")
        body = json.loads(message.body)
        assert isinstance(body, dict)
        assert isinstance(body["parts"], list)


@given(span=spans())
@settings(max_examples=200, deadline=None, suppress_health_check=CALM)
def test_dialects_read_any_span(span: SpanRecord) -> None:
    """
    Each dialect reads any span, its own or not, without an error and as the contract says.
    """
    for dialect in built_in():
        dialect.detects(span)
        assert_sound(dialect.read(span))


@given(log=logs())
@settings(max_examples=100, deadline=None, suppress_health_check=CALM)
def test_dialects_read_any_log_record(log: LogRecord) -> None:
    """
    Each dialect reads any log record, and what stands for it is a span with an id.
    """
    for dialect in built_in():
        reading = dialect.read_log(log)
        if reading is None:
            continue
        _assert_messages((*reading.input, *reading.output))
        if reading.span is not None:
            assert reading == dialect.read_log(log)
            assert len(reading.span.trace_id) == 32
            assert len(reading.span.span_id) == 16
            assert_sound(Dialects().read_span(reading.span))


@given(span=spans(), log=logs())
@settings(max_examples=60, deadline=None, suppress_health_check=CALM)
def test_what_is_distorted_is_stored(
    tmp_path_factory: pytest.TempPathFactory, span: SpanRecord, log: LogRecord
) -> None:
    """
    Whatever a span or a log record holds, both are stored, and nothing is lost of them.
    """
    path = tmp_path_factory.mktemp("any") / "runs.db"
    store(path, [[log], [span]])
    assert rows(path, "SELECT count(*) FROM spans WHERE log_hash IS NULL") == [(1,)]
    assert rows(path, "SELECT count(*) FROM logs") == [(1,)]


def test_unknown_attributes_are_kept(tmp_path: Path) -> None:
    """
    What no dialect reads is stored with its span as it came.
    """
    odd = {"a.b": 1.5, "c": [1, "x", None], "d": {"e": b"\x00"}, "": ""}
    span = SpanRecord(trace_id=TRACE, span_id=SPAN, name="x", end_ns=1, attributes=odd)
    path = tmp_path / "runs.db"
    store(path, [[span]])

    with open_database(path) as database, database.transaction() as connection:
        (kept,) = load_by_id(connection, [1]).values()
    assert kept == span
