"""
One run in detail: what it was asked and answered, its calls, tools, steps and spans.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from otel_bridge_storage.records import (
    EntityRecord,
    EventRecord,
    LinkRecord,
    LogRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)
from otel_bridge_storage.run_store import RunStore
from run_store_data import TRACE, at, call, fact, run, tool, when, write

LONG = "a long text " * 40
PICTURE = json.dumps({"role": "user", "parts": [{"type": "uri", "uri": "x.png"}]})


async def _run(path: Path, run_id: str = "r") -> Any:
    async with RunStore.from_url(path) as store:
        return await store.get_run(run_id)


async def test_a_run_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    """
    Of an unknown run there is no detail, and lists and maps are empty.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 1))
    async with RunStore.from_url(path) as store:
        for unknown in ("none", "", "\ud800"):
            assert await store.get_run(unknown) is None
            assert await store.get_events(unknown) == []
            assert await store.get_llm_calls(unknown) == []
            assert await store.get_tool_invocations(unknown) == []
            assert await store.get_traces(unknown) == []
            assert await store.get_pauses(unknown) == []
            assert await store.get_pii_mapping(unknown) == {}
            assert await store.get_spans(unknown) == []
            assert await store.get_logs(unknown) == []


async def test_a_run_tells_what_it_was_asked_and_answered(tmp_path: Path) -> None:
    """
    Input and answer are those of the run's own span.
    """
    told = {"input": LONG, "output": "done", "strategy": "react", "agent_id": "a-1"}
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, 9, termination_reason="completed", **told),
        call("02", 1, 2, parent="01", asked="other", answered="thinking"),
    )
    found = await _run(path)
    assert (found.input_data, found.answer) == ({"input": LONG}, "done")
    assert (found.strategy, found.agent_id, found.span_id) == ("react", "a-1", "01".ljust(16, "0"))
    assert (found.termination_reason, found.failure_reason) == ("completed", None)


async def test_a_run_of_no_words_has_those_of_its_steps(tmp_path: Path) -> None:
    """
    Without an input and an answer of its own, a run has its first and last steps'.
    """
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, 9, facts=(fact("run.rolled_back", 8, step_ids=["s-9"]),
                                    fact("step.assistant", 7, step_id="s-9", content="oops"))),
        call("02", 1, 2, parent="01", asked=["first", "question"], answered="half"),
        call("03", 3, 4, parent="01", asked="other", answered="whole"),
        run("04", "empty", 0, 1),
        run("05", "picture", 0, 1, input=PICTURE),
    )  # fmt: skip
    found = await _run(path)
    assert (found.input_data, found.answer) == ({"input": "question"}, "whole")
    empty = await _run(path, "empty")
    assert (empty.input_data, empty.answer) == (None, None)
    picture = await _run(path, "picture")
    assert picture.input_data == {"input": "", "messages": [json.loads(PICTURE)]}


@pytest.mark.parametrize(
    ("told", "status", "reason"),
    [
        ({"failed": True, "error_type": "E", "error_message": "m"}, "error", "E"),
        (
            {"failed": True, "error_type": "E", "termination_reason": "max_steps"},
            "error",
            "max_steps",
        ),
        ({"status": "cancelled", "termination_reason": "user"}, "cancelled", "user"),
        ({"termination_reason": "max_steps"}, "success", None),
    ],
)
async def test_a_failure_has_a_reason(
    tmp_path: Path, told: dict[str, Any], status: str, reason: str | None
) -> None:
    """
    What did not succeed says why: how it was ended, or else the type of its error.
    """
    found = await _run(write(tmp_path / "runs.db", run("01", "r", 0, 1, **told)))
    assert (found.status, found.failure_reason) == (status, reason)
    assert (found.error_type, found.error) == (told.get("error_type"), told.get("error_message"))


async def test_llm_calls_tell_request_and_response(tmp_path: Path) -> None:
    """
    Calls come in order, failed and running ones too, with messages as data.
    """
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, 9),
        call("04", 5, None, parent="01", iteration=3),
        call("03", 3, 4, parent="01", failed=True, iteration=2, error_type="Timeout",
             error_message="late"),
        call("02", 1, 2, parent="01", iteration=1, model="m", response_model="m-1",
             provider="p", response_id="resp", input_tokens=10, output_tokens=5,
             cache_read_tokens=1, cache_write_tokens=2, reasoning_tokens=3, first_ns=250_000_000,
             emitted_cost_usd=0.5, finish_reasons=["stop"], asked=["hi", LONG],
             answered="hello"),
    )  # fmt: skip
    async with RunStore.from_url(path) as store:
        first, second, third = await store.get_llm_calls("r")
        assert await store.get_llm_calls("r", iteration=2) == [second]
        assert await store.get_llm_calls("r", limit=1, offset=1) == [second]
        assert await store.get_llm_calls("r", offset=2) == [third]
    assert (first.id, first.model, first.status) == ("02".ljust(16, "0"), "m-1", "ok")
    assert (first.input_tokens, first.output_tokens, first.total_tokens) == (10, 5, 15)
    cached = (first.cache_read_input_tokens, first.cache_creation_input_tokens)
    assert (*cached, first.reasoning_tokens) == (1, 2, 3)
    assert (first.cost_usd, first.emitted_cost_usd) == (15e-6, 0.5)
    assert (first.duration_ms, first.time_to_first_chunk_ms) == (1000.0, 250.0)
    assert first.created_at == when(1)
    assert first.provider_request == {
        "model": "m",
        "provider": "p",
        "operation": "chat",
        "messages": [
            {"role": "user", "parts": [{"type": "text", "content": text}]} for text in ("hi", LONG)
        ],
    }
    assert first.provider_response == {
        "id": "resp",
        "model": "m-1",
        "messages": [{"role": "assistant", "parts": [{"type": "text", "content": "hello"}]}],
        "finish_reasons": ["stop"],
    }
    assert (second.status, second.error_type, second.error) == ("error", "Timeout", "late")
    assert (second.cost_usd, second.total_tokens) == (None, None)
    assert second.unpriced_reason
    assert (third.status, third.duration_ms) == ("running", None)


async def test_tool_invocations_tell_arguments_and_result(tmp_path: Path) -> None:
    """
    Arguments and results that are JSON come as data, others as text.
    """
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, 9),
        tool("02", 1, 2, parent="01", tool_name="add", tool_call_id="t-1", target="server",
             arguments='{"a": 1}', result="[3]", iteration=1),
        tool("03", 3, 4, parent="01", tool_name="say", arguments="{broken", result=LONG,
             failed=True, error_type="E", error_message="no", iteration=2),
        tool("04", 5, None, parent="01", tool_name="wait"),
    )  # fmt: skip
    async with RunStore.from_url(path) as store:
        first, second, third = await store.get_tool_invocations("r")
        assert await store.get_tool_invocations("r", iteration=2) == [second]
        assert await store.get_tool_invocations("r", limit=1, offset=2) == [third]
    assert (first.params, first.result, first.success) == ({"a": 1}, [3], True)
    assert (first.tool_call_id, first.provider_tool_call_id) == ("02".ljust(16, "0"), "t-1")
    assert (first.tool_name, first.target, first.duration_ms) == ("add", "server", 1000.0)
    assert (second.params, second.result, second.success) == ("{broken", LONG, False)
    assert (second.error_type, second.error, second.status) == ("E", "no", "error")
    assert (third.params, third.result, third.success) == (None, None, None)
    assert (third.status, third.created_at) == ("running", when(5))


async def test_steps_come_in_order_with_what_became_of_them(tmp_path: Path) -> None:
    """
    Steps keep their places, their parts, and what later facts said of them.
    """
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, 9, input="go", facts=(
            fact("step.assistant", 5, step_id="s-1", content=[
                {"type": "text", "content": "one "}, {"type": "tool_call", "name": "f"},
                {"type": "text", "content": "two"},
            ]),
            fact("step.assistant", 6, step_id="s-2", content="bad"),
            fact("steps.hidden", 7, step_ids=["s-2"]),
            fact("run.rolled_back", 7, step_ids=["s-2"]),
            fact("step.condensed", 8, step_id="s-1", content="short"),
        )),
        tool("02", 1, 2, parent="01", tool_name="f", tool_call_id="t", result='{"a": 1}',
             failed=True),
    )  # fmt: skip
    async with RunStore.from_url(path) as store:
        found = await store.get_traces("r")
        assert await store.get_traces("r", limit=2, offset=1) == found[1:3]
        assert await store.get_traces("r", offset=-1) == found
    assert [(step.role, step.content, step.order_index) for step in found] == [
        ("user", "go", 0),
        ("tool", '{"a": 1}', 1),
        ("assistant", "one two", 2),
        ("assistant", "bad", 3),
    ]
    assert [step.created_at for step in found] == [when(0), when(2), when(5), when(6)]
    assert found[1].meta["parts"] == [
        {"type": "tool_call_response", "id": "t", "response": {"a": 1}}
    ]
    told = ("tool_call_id", "tool_name", "is_error", "hidden", "rolled_back", "condensed_content")
    assert [{k: v for k, v in step.meta.items() if k in told} for step in found] == [
        {},
        {"tool_call_id": "t", "tool_name": "f", "is_error": True},
        {"condensed_content": "short"},
        {"hidden": True, "rolled_back": True},
    ]
    assert [step.meta["step_id"] for step in found[2:]] == ["s-1", "s-2"]
    assert [part["type"] for part in found[2].meta["parts"]] == ["text", "tool_call", "text"]


async def test_spans_and_logs_come_back_as_they_arrived(tmp_path: Path) -> None:
    """
    Every field of a span and of a log record survives the way through the database.
    """
    values: dict[str, Any] = {
        "text": LONG,
        "list": [1, 2.5, True, None, b"\x00\xff"],
        "map": {"$odd": {"deep": [LONG]}},
        "json": json.dumps([{"content": LONG}, {"content": "x"}]),
    }
    resource = ResourceRecord(
        attributes={"service.name": "shop", "n": 1},
        dropped_attributes=1,
        schema_url="https://example.org/1",
        entities=(EntityRecord("host", ("host.id",), ("host.name",), "https://example.org/2"),),
    )
    scope = ScopeRecord("lib", "1.0", {"a": 1}, 2, "https://example.org/3")
    full = SpanRecord(
        trace_id=TRACE,
        span_id="b" * 16,
        parent_span_id="c" * 16,
        trace_state="k=v",
        flags=257,
        name="work",
        kind=3,
        start_ns=at(1) + 1,
        end_ns=at(2) + 999,
        attributes=values,
        dropped_attributes=3,
        events=(EventRecord("happened", at(1), values, 4),),
        dropped_events=5,
        links=(LinkRecord("d" * 32, "e" * 16, "l=w", values, 6, 1),),
        dropped_links=7,
        status_code=2,
        status_message="broke",
        resource=resource,
        scope=scope,
    )
    earlier = SpanRecord(trace_id=TRACE, span_id="f" * 16, start_ns=at(0))
    log = LogRecord(
        trace_id=TRACE,
        span_id="b" * 16,
        time_ns=at(1),
        observed_ns=at(2),
        severity_number=9,
        severity_text="INFO",
        event_name="said",
        body=values,
        attributes=values,
        dropped_attributes=8,
        flags=1,
        resource=resource,
        scope=scope,
    )
    path = write(tmp_path / "runs.db", full, earlier, log)
    async with RunStore.from_url(path) as store:
        assert await store.get_spans(TRACE) == [earlier, full]
        assert await store.get_logs(TRACE) == [log]
