"""
What the newest conventions say, and what is met of the older ones: operations, MCP, kinds
of tokens, events and references.
"""

import json
from typing import Any

import pytest
from otel_bridge_storage.readings import LOG_TOLD, Role, Usage
from read_dialects import Reads, event, told

READS = Reads()
DETAILS = "gen_ai.client.inference.operation.details"


@pytest.mark.parametrize(
    ("operation", "role"),
    [
        ("chat", Role.LLM),
        ("text_completion", Role.LLM),
        ("generate_content", Role.LLM),
        ("embeddings", Role.LLM),
        ("execute_tool", Role.TOOL),
        ("invoke_agent", Role.RUN),
        ("create_agent", Role.OTHER),
        ("invoke_workflow", Role.OTHER),
        ("plan", Role.OTHER),
        ("retrieval", Role.OTHER),
        ("fetch_response", Role.OTHER),
        ("search_memory", Role.OTHER),
        ("create_memory", Role.OTHER),
        ("update_memory", Role.OTHER),
        ("upsert_memory", Role.OTHER),
        ("delete_memory", Role.OTHER),
        ("create_memory_store", Role.OTHER),
        ("delete_memory_store", Role.OTHER),
        ("handle_conversation_turn", Role.OTHER),
    ],
)
def test_only_requests_agents_and_tools_count(operation: str, role: Role) -> None:
    """
    Whatever usage a span carries, only a request to a model owns it.
    """
    reading = READS.span(
        {
            "gen_ai.operation.name": operation,
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.conversation.id": "s",
        }
    )
    assert (reading.role, reading.session_id) == (role, "s")
    assert (reading.call is not None) is (role is Role.LLM)


def test_an_embedding_has_input_only() -> None:
    """
    A request for embeddings is a call of its own kind, without output.
    """
    call = READS.call({"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 8})
    assert (call.operation, call.usage) == ("embeddings", Usage(input_tokens=8))


@pytest.mark.parametrize("kind", [1, 3])
def test_an_agent_runs_here_or_elsewhere(kind: int) -> None:
    """
    An agent that is invoked is a run, in this process or by a remote service.
    """
    reading = READS.span(
        {"gen_ai.operation.name": "invoke_agent"}, name="invoke_agent planner", kind=kind
    )
    assert (reading.role, reading.agent_name) == (Role.RUN, "planner")


@pytest.mark.parametrize("operation", [{}, {"gen_ai.operation.name": "execute_tool"}])
@pytest.mark.parametrize(
    ("method", "kind", "role"),
    [
        ("tools/call", 3, Role.TOOL),
        ("tools/call", 2, Role.OTHER),
        ("tools/list", 3, Role.OTHER),
        ("initialize", 3, Role.OTHER),
        ("prompts/get", 2, Role.OTHER),
    ],
)
def test_a_call_of_a_tool_by_mcp_is_told_by_its_client(
    operation: dict[str, Any], method: str, kind: int, role: Role
) -> None:
    """
    Of client and server only the client tells an execution, and other methods are none;
    the protocol's session is no conversation.
    """
    reading = READS.span(
        operation | {"mcp.method.name": method, "mcp.session.id": "m"},
        name=f"{method} get_weather",
        kind=kind,
    )
    assert (reading.role, reading.session_id) == (role, None)
    if reading.tool is not None:
        assert reading.tool.tool_name == "get_weather"


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
    ],
)
def test_cache_writes_are_known_by_all_their_names(name: str) -> None:
    """
    What was written to the cache is part of the input, whatever it is called.
    """
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 50, name: 20}
    assert READS.call(attributes).usage == Usage(input_tokens=50, cache_write_tokens=20)


@pytest.mark.parametrize("total", [None, 100])
def test_kinds_of_content_are_parts_of_the_input(total: int | None) -> None:
    """
    The tokens of texts, images and sounds are summed where no sum is told, and are
    otherwise not added to it.
    """
    usage = READS.call(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": total,
            "gen_ai.usage.text.input_tokens": 60,
            "gen_ai.usage.image.input_tokens": 40,
            "gen_ai.usage.text.output_tokens": 7,
        }
    ).usage
    assert usage.input_tokens == 100
    assert usage.output_tokens == (7 if total is None else None)


def test_references_to_content_elsewhere_are_no_content() -> None:
    """
    Messages that were uploaded leave references, which are no messages.
    """
    references = {
        "gen_ai.input.messages_ref": "s3://b/in.json",
        "gen_ai.output.messages_ref": "s3://b/out.json",
        "gen_ai.system_instructions_ref": "s3://b/system.json",
    }
    call = READS.call({"gen_ai.operation.name": "chat", **references})
    reading = READS.log(None, event_name=DETAILS, attributes=references)
    assert (call.input, call.output) == ((), ())
    assert reading is not None
    assert (reading.input, reading.output) == ((), ())


@pytest.mark.parametrize(
    "name", ["gen_ai.evaluation.result", "gen_ai.client.operation.exception", "", "other"]
)
def test_other_events_tell_of_no_call(name: str) -> None:
    """
    Evaluations and exceptions are kept as they are, and make neither calls nor messages.
    """
    told_by = {"gen_ai.evaluation.score.value": 1.0, "gen_ai.response.id": "r"}
    assert READS.log({"content": "x"}, event_name=name, attributes=told_by) is None


def test_a_details_event_tells_a_whole_call() -> None:
    """
    The log record's stand-in is read as the call's span would be, as told by a log, with
    its messages from structured attributes.
    """
    message = {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
    reading = READS.log(
        None,
        event_name=DETAILS,
        attributes={
            "gen_ai.response.id": "r",
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.input.messages": [message],
        },
    )
    assert reading is not None
    assert reading.complete
    assert reading.span is not None
    call = READS.call(reading.span.attributes, name=reading.span.name)
    assert (call.operation, call.response_id, call.precedence) == ("chat", "r", LOG_TOLD)
    assert told(call.input) == [("user", message["parts"])]


@pytest.mark.parametrize("on_event", [True, False])
def test_the_body_of_an_event_may_be_json_text_in_an_attribute(on_event: bool) -> None:
    """
    Azure's and .NET's instrumentations put the body of a message's event into an attribute.
    """
    asked = json.dumps({"role": "user", "content": "hi"})
    answered = json.dumps({"message": {"content": "ho"}, "finish_reason": "stop", "index": 0})
    if on_event:
        call = READS.call(
            {"gen_ai.operation.name": "chat"},
            events=[
                event("gen_ai.user.message", gen_ai__event__content=asked),
                event("gen_ai.choice", gen_ai__event__content=answered),
            ],
        )
        sent, received = call.input, call.output
        assert call.finish_reasons == ("stop",)
    else:
        first = READS.log(asked, event_name="gen_ai.user.message")
        second = READS.log(answered, event_name="gen_ai.choice")
        assert first is not None
        assert second is not None
        sent, received = first.input, second.output
    assert told(sent) == [("user", [{"type": "text", "content": "hi"}])]
    assert told(received) == [("assistant", [{"type": "text", "content": "ho"}])]


def test_an_answer_that_is_json_stays_a_text() -> None:
    """
    A choice whose message is the JSON text of an answer is not taken for a message.
    """
    reading = READS.log({"message": '{"city": "Paris"}'}, event_name="gen_ai.choice")
    assert reading is not None
    assert told(reading.output)[0][1] == [{"type": "text", "content": '{"city": "Paris"}'}]


def test_a_call_of_a_tool_that_is_told_twice_is_asked_once() -> None:
    """
    Bedrock's blocks and the list of tool calls beside them are one request.
    """
    block = {"toolUse": {"toolUseId": "c", "name": "f", "input": {"a": 1}}}
    listed = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    reading = READS.log(
        {"index": 0, "message": {"content": [block], "tool_calls": [listed]}},
        event_name="gen_ai.choice",
    )
    assert reading is not None
    assert told(reading.output)[0][1] == [
        {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}
    ]


def test_details_in_several_events_are_one_exchange() -> None:
    """
    What was sent and what came back may be told by an event each.
    """
    sent = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])
    received = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "ho"}]}])
    first = [event(DETAILS, gen_ai__output__messages=received)]
    second = [event(DETAILS, gen_ai__input__messages=sent)]
    for events in (first + second, second + first):
        call = READS.call({"gen_ai.operation.name": "chat"}, events=events)
        assert [m.role for m in (*call.input, *call.output)] == ["user", "assistant"]
