"""
Content stays out, or is redacted, everywhere in the file.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import captures
import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.trace import Status, StatusCode
from otel_bridge_storage.fact_codec import content_attributes
from otel_bridge_storage.records import EventRecord, SpanEvent
from otel_bridge_storage.records import LogRecord as StoredLog
from recording_data import AGENT, CHAT, recorded, rows

from otel_bridge.content import ContentPolicy, is_content
from otel_bridge.dialects.registry import Dialects
from otel_bridge.otlp import read_telemetry
from otel_bridge.processor import RunLogLogRecordProcessor

SECRET = "the-eagle-has-landed"
MESSAGES = json.dumps(
    [
        {"role": "user", "parts": [{"type": "text", "content": f"say {SECRET}"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "t", "arguments": {"q": SECRET}}],
            "finish_reason": "tool_call",
        },
    ]
)
CONTENT: dict[str, Any] = {
    "gen_ai.input.messages": MESSAGES,
    "gen_ai.output.messages": MESSAGES,
    "gen_ai.system_instructions": f"never say {SECRET}",
    "gen_ai.tool.definitions": json.dumps([{"name": SECRET}]),
    "gen_ai.tool.call.arguments": json.dumps({"q": SECRET}),
    "gen_ai.tool.call.result": SECRET,
    "gen_ai.prompt.0.content": SECRET,
    "gen_ai.completion.0.tool_calls.0.arguments": SECRET,
    "llm.input_messages.0.message.content": SECRET,
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": SECRET,
    "llm.prompts.0.prompt.text": SECRET,
    "llm.prompt_template.variables": SECRET,
    "llm.function_call": SECRET,
    "retrieval.documents.0.document.content": SECRET,
    "embedding.embeddings.0.embedding.text": SECRET,
    "reranker.query": SECRET,
    "input.value": SECRET,
    "output.value": SECRET,
    "tool.parameters": SECRET,
    "traceloop.entity.input": SECRET,
    "traceloop.prompt.template": SECRET,
    "ai.prompt.messages": SECRET,
    "ai.response.text": SECRET,
    "ai.result.object": SECRET,
    "ai.toolCall.args": SECRET,
    "mlflow.spanInputs": SECRET,
    "langfuse.observation.input": SECRET,
    "exception.stacktrace": SECRET,
    "otel_bridge.step.content": SECRET,
    "all_messages_events": SECRET,
    "user_prompt": SECRET,
}


def record_secrets(path: Path, **options: Any) -> bytes:
    """
    Record content in every place that holds some.

    Returns:
        All bytes of the database's files, while it is open and after.
    """
    found = b""
    with recorded(path, **options) as (provider, processor):
        logs = LoggerProvider(shutdown_on_exit=False)
        logs.add_log_record_processor(RunLogLogRecordProcessor(processor.recording))
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("run", attributes=AGENT | CONTENT) as run:
            processor.on_event(
                run,  # type: ignore[arg-type]
                "otel_bridge.step.user",
                {"otel_bridge.step.content": SECRET, "otel_bridge.fact.id": "f1"},
                1,
            )
            with tracer.start_as_current_span("chat", attributes=CHAT | CONTENT) as span:
                span.add_event("gen_ai.user.message", {"content": SECRET, "role": "user"})
                span.add_event("gen_ai.choice", {"message": SECRET, "index": 0})
                span.add_event("gen_ai.content.prompt", {"gen_ai.prompt": SECRET})
                span.add_event("exception", {"exception.stacktrace": SECRET})
                span.set_status(
                    Status(
                        StatusCode.ERROR, f"broken\nTraceback (most recent call last):\n  {SECRET}"
                    )
                )
                assert processor.force_flush()
                logger = logs.get_logger("test")
                for body in (SECRET, {"content": SECRET}, [{"a": SECRET}], None):
                    logger.emit(
                        LogRecord(
                            event_name="gen_ai.user.message",
                            body=body,
                            attributes={"content": SECRET, "gen_ai.input.messages": MESSAGES},
                        )
                    )
        assert processor.force_flush()
        found = b"".join(file.read_bytes() for file in path.parent.iterdir())
    return found + b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_content_is_kept_by_default(tmp_path: Path) -> None:
    """
    Without a switch or a hook everything is in the file.
    """
    assert SECRET.encode() in record_secrets(tmp_path / "runs.db")


def test_no_byte_of_content_is_written_without_capture(tmp_path: Path) -> None:
    """
    With `capture_content=False` no byte of content reaches the file or its log, whichever
    attribute, event or log it was in; the rest is there.
    """
    path = tmp_path / "runs.db"
    assert SECRET.encode() not in record_secrets(path, capture_content=False)
    assert rows(path, "SELECT llm_calls, input_tokens FROM runs") == [(1, 10)]
    assert rows(path, "SELECT name FROM spans ORDER BY name") == [("chat",), ("run",)]
    assert rows(path, "SELECT status_message FROM spans WHERE name = 'chat'") == [("broken",)]
    assert rows(path, "SELECT count(*) FROM logs") == [(4,)]


def test_no_byte_of_what_a_hook_takes_out_is_written(tmp_path: Path) -> None:
    """
    What a redaction hook takes out is nowhere in the file, whichever attribute, event or
    log it was in, and messages can still be read.
    """
    path = tmp_path / "runs.db"
    found = record_secrets(path, redact=lambda name, text: text.replace(SECRET, "***"))
    assert SECRET.encode() not in found
    assert b"say ***" in found


@pytest.mark.parametrize("name", sorted(content_attributes() | set(CONTENT)))
def test_names_of_content(name: str) -> None:
    """
    What this project or a known instrumentation puts content into counts as content.
    """
    assert is_content(name)


@pytest.mark.parametrize("capture", captures.names())
def test_nothing_that_people_said_is_left_of_a_capture(capture: str) -> None:
    """
    Of what real instrumentations sent, no message, argument or result can be read any more
    once content is taken out, and all else can; counts that only the content tells are
    unknown then.
    """
    policy, dialects = ContentPolicy(keep=False), Dialects()
    for file in read_telemetry([captures.CAPTURES / capture]):
        for span in file.spans:
            before, after = dialects.read_span(span), dialects.read_span(policy.span(span))
            for part in (after.run, after.call):
                assert part is None or (part.input, part.output) == ((), ())
            if after.tool is not None:
                assert (after.tool.arguments, after.tool.result) == (None, None)
            assert (after.role, after.agent_name) == (before.role, before.agent_name)
            if before.call is not None:
                assert after.call is not None
                for name, count in asdict(after.call.usage).items():
                    assert count in (getattr(before.call.usage, name), None)
                assert after.call.usage.input_tokens == before.call.usage.input_tokens
                assert after.call.usage.output_tokens == before.call.usage.output_tokens
        for log in file.logs:
            reading = dialects.read_log(policy.log(log))
            assert reading is None or (reading.input, reading.output) == ((), ())


def treated(redact: Callable[[str, str], str], **attributes: Any) -> dict[str, Any]:
    """
    Redact attributes.
    """
    return ContentPolicy(redact=redact).attributes(
        {name.replace("__", "."): value for name, value in attributes.items()}
    )


def test_a_hook_that_replaces_everything_leaves_readable_messages() -> None:
    """
    The hook is given each text by itself, and not the words that messages are built of.
    """
    seen: list[str] = []

    def redact(name: str, text: str) -> str:
        assert name == "gen_ai.input.messages"
        seen.append(text)
        return "***"

    (text,) = treated(redact, gen_ai__input__messages=MESSAGES).values()
    first, second = json.loads(text)
    assert first == {"role": "user", "parts": [{"type": "text", "content": "***"}]}
    assert second["role"] == "assistant"
    assert second["finish_reason"] == "tool_call"
    assert second["parts"][0] == {
        "type": "tool_call",
        "id": "***",
        "name": "***",
        "arguments": {"q": "***"},
    }
    assert f"say {SECRET}" in seen


def test_a_hook_sees_what_only_looks_like_structure() -> None:
    """
    A person's own words under a key such as `role` are redacted.
    """
    arguments = json.dumps({"role": "chief spy", "type": "James Bond", "name": "007"})
    (text,) = treated(lambda n, t: "***", gen_ai__tool__call__arguments=arguments).values()
    assert json.loads(text) == {"role": "***", "type": "***", "name": "***"}


def test_a_hook_is_asked_about_content_only() -> None:
    """
    Models, usage and ids are never handed to the hook.
    """
    kept = treated(lambda n, t: "***", gen_ai__request__model="gpt-4o", input__value="x")
    assert kept == {"gen_ai.request.model": "gpt-4o", "input.value": "***"}


@pytest.mark.parametrize(
    "text",
    ["[broken", '{"a": ', "[" * 100_000, "{}", "[]", "[1, NaN]", '["\\ud800"]', '{"a": null}', ""],
)
def test_text_that_only_looks_like_json_is_redacted_whole(text: str) -> None:
    """
    What begins like JSON and is none is given to the hook as it is.
    """
    kept = treated(lambda n, t: t.upper(), input__value=text)
    assert isinstance(kept["input.value"], str)


def test_a_hook_that_fails_leaves_the_text_out(caplog: pytest.LogCaptureFixture) -> None:
    """
    A text on which the hook raises is left out, its neighbours are kept, and the log says
    so without the text.
    """

    def redact(name: str, text: str) -> str:
        if SECRET in text:
            raise ValueError(f"cannot redact {text}")
        return text

    kept = treated(redact, input__value=SECRET, output__value="fine", gen_ai__prompt=MESSAGES)
    assert "input.value" not in kept
    assert kept["output.value"] == "fine"
    assert SECRET not in json.dumps(kept)
    assert json.loads(kept["gen_ai.prompt"])[0]["role"] == "user"
    assert "input.value" in caplog.text
    assert SECRET not in caplog.text


def test_a_hook_that_answers_with_something_else_is_taken_at_its_word() -> None:
    """
    What is no text becomes text.
    """
    assert treated(lambda n, t: 5, input__value="x") == {"input.value": "5"}  # type: ignore[arg-type, return-value]


def test_error_messages_are_kept_and_redacted() -> None:
    """
    What a failure said stays without capture, and goes through the hook with it.
    """
    event = EventRecord("exception", 1, {"exception.message": f"no {SECRET}", "x": "y"})
    assert ContentPolicy(keep=False).event(event) == event
    hidden = ContentPolicy(redact=lambda n, t: t.replace(SECRET, "***")).event(event)
    assert hidden.attributes == {"exception.message": "no ***", "x": "y"}


def test_live_events_and_logs_are_treated_too() -> None:
    """
    An event ahead of its span's end, and the name of an old-style log event, are heeded.
    """
    policy = ContentPolicy(keep=False)
    live = SpanEvent(
        trace_id="1" * 32,
        span_id="2" * 16,
        event=EventRecord("gen_ai.user.message", 1, {"content": SECRET}),
    )
    assert policy.live_event(live).event.attributes == {}
    log = StoredLog(
        attributes={"event.name": "gen_ai.choice", "message": SECRET}, body={"a": SECRET}
    )
    assert policy.log(log).attributes == {"event.name": "gen_ai.choice"}
    assert policy.log(log).body is None


def test_a_policy_that_changes_nothing_copies_nothing() -> None:
    """
    Without a switch and a hook the very same records go through.
    """
    event = EventRecord("gen_ai.choice", 1, {"content": SECRET})
    assert ContentPolicy().changes_nothing
    assert ContentPolicy().event(event) is event
