"""
What the spans of OpenInference's many instrumentations mean, each of which has its own way.
"""

import json
from typing import Any

import captures
import pytest
from otel_bridge_storage.readings import Role
from otel_bridge_storage.records import STATUS_ERROR
from read_dialects import Reads, span_of, told

from otel_bridge.dialects.openinference import OpenInference

READS = Reads(OpenInference())
BASE = "openinference.instrumentation."
JS = "@arizeai/openinference-instrumentation-"


def kind(name: str, **attributes: Any) -> dict[str, Any]:
    """
    Make the attributes of a span of a kind; a double underscore stands for a dot.
    """
    told = {key.replace("__", "."): value for key, value in attributes.items()}
    return {"openinference.span.kind": name, **told}


def response(**fields: Any) -> dict[str, Any]:
    """
    Make the attributes of an output that is a response.
    """
    return {"output.value": json.dumps(fields), "output.mime_type": "application/json"}


def test_the_workflow_of_openais_agents_is_no_run() -> None:
    """
    Of the two spans of the kind AGENT one orders agents, and only the other is a run; the
    model that was asked is not told, and the one that answered is not taken for it.
    """
    truth = captures.expected("openinference_openai_agents")
    readings = READS.capture("openinference_openai_agents")
    (run,) = [r for r in readings if r.role is Role.RUN]
    assert run.agent_name == truth["agent_name"]
    calls = [r.call for r in readings if r.call]
    assert [c.response_id for c in calls] == [c["response_id"] for c in truth["per_call"]]
    assert {(c.request_model, c.response_model) for c in calls} == {
        (None, "gpt-4o-mini-2024-07-18")
    }
    assert [r.failed for r in readings if r.tool] == [False, True]


def test_the_request_model_is_not_a_copy_of_the_answers() -> None:
    """
    In the mode with both name sets `gen_ai.request.model` repeats `llm.model_name`, which
    is the model that answered; a model that differs is believed.
    """
    both = {"llm.model_name": "m-2024", "gen_ai.operation.name": "chat"}
    copied = READS.call(
        kind("LLM") | both | {"gen_ai.request.model": "m-2024"}, scope=BASE + "openai"
    )
    own = READS.call(kind("LLM") | both | {"gen_ai.request.model": "m"}, scope=BASE + "openai")
    assert (copied.request_model, copied.response_model) == (None, "m-2024")
    assert (own.request_model, own.response_model) == ("m", "m-2024")


@pytest.mark.parametrize("name", ["smolagents", "dspy", "agno", "beeai", "llama_index", "litellm"])
def test_some_name_the_model_that_was_asked(name: str) -> None:
    """
    Instrumentations that know only the model that was asked do not tell which one answered.
    """
    call = READS.call(kind("LLM", llm__model_name="m"), scope=BASE + name)
    assert (call.request_model, call.response_model) == ("m", None)


@pytest.mark.parametrize(
    ("scope", "output"),
    [
        ("llama_index", {"message": {}, "raw": {"id": "chatcmpl-1", "model": "m-2024"}}),
        ("openai", {"id": "chatcmpl-1", "model": "m-2024", "choices": []}),
        ("google_genai", {"response_id": "chatcmpl-1", "model_version": "m-2024", "content": {}}),
        (
            "langchain",
            {
                "generations": [
                    [
                        {
                            "message": {
                                "kwargs": {
                                    "content": "",
                                    "response_metadata": {
                                        "id": "chatcmpl-1",
                                        "model_name": "m-2024",
                                    },
                                }
                            }
                        }
                    ]
                ]
            },
        ),
    ],
)
def test_the_response_is_found_in_the_output(scope: str, output: dict[str, Any]) -> None:
    """
    Id and model of the response are read from the object of whatever library it is.
    """
    attributes = kind("LLM", llm__model_name="m") | response(**output)
    call = READS.call(attributes, scope=BASE + scope)
    assert (call.response_id, call.response_model) == ("chatcmpl-1", "m-2024")


@pytest.mark.parametrize(("named", "responded"), [("m", None), ("m-2024", "m-2024")])
def test_langchain_names_the_model_that_answered_if_it_knows(
    named: str, responded: str | None
) -> None:
    """
    LangChain falls back to the model that was asked, which is no model that answered.
    """
    attributes = kind("LLM", llm__model_name=named, metadata='{"ls_model_name": "m"}')
    call = READS.call(attributes, scope=BASE + "langchain")
    assert (call.request_model, call.response_model) == ("m", responded)


def test_an_answer_that_is_json_is_no_response() -> None:
    """
    What the model answered is not mistaken for what its provider's API answered.
    """
    output = json.dumps({"id": "42", "model": "Beetle", "finish_reason": "sold"})
    for told_as in ({}, {"output.mime_type": "text/plain"}):
        call = READS.call(kind("LLM") | {"output.value": output} | told_as, scope=BASE + "openai")
        assert (call.response_id, call.response_model, call.finish_reasons) == (None, None, ())


@pytest.mark.parametrize(
    ("scope", "output", "expected"),
    [
        ("openai", {"choices": [{"finish_reason": "stop"}]}, ("stop",)),
        ("anthropic", {"content": [], "stop_reason": "end_turn"}, ("end_turn",)),
        (
            "langchain",
            {"generations": [[{"generation_info": {"finish_reason": "stop"}}]]},
            ("stop",),
        ),
    ],
)
def test_finish_reasons_are_found_in_the_response(
    scope: str, output: dict[str, Any], expected: tuple[str, ...]
) -> None:
    """
    Versions without an attribute for the reason have it in the response.
    """
    attributes = kind("LLM") | response(**output)
    assert READS.call(attributes, scope=BASE + scope).finish_reasons == expected


@pytest.mark.parametrize(
    ("scope", "name", "attributes", "role", "agent"),
    [
        ("smolagents", "planner.run", {}, Role.RUN, "planner"),
        ("crewai", "x._execute_core", {"graph.node.id": "planner"}, Role.RUN, "planner"),
        (
            "agno",
            "planner.arun",
            {"graph.node.id": "0f" * 8, "graph.node.name": "planner"},
            Role.RUN,
            "planner",
        ),
        ("agno", "planner.arun", {"graph.node.id": "0f" * 8}, Role.RUN, "planner"),
        ("autogen_agentchat", "planner.on_messages_stream", {}, Role.RUN, "planner"),
        ("google_adk", "agent_run [planner]", {}, Role.RUN, "planner"),
        ("beeai", "planner", {"agent.name": "planner"}, Role.RUN, "planner"),
        ("openai_agents", "workflow", {}, Role.OTHER, None),
        ("openai_agents", "planner", {"agent.name": "planner"}, Role.RUN, "planner"),
        ("langchain", "ask_agent", {"tool.name": "ask_agent"}, Role.TOOL, None),
        ("langchain", "AgentModel", {"llm.token_count.prompt": 3}, Role.LLM, None),
    ],
)
def test_agents_are_told_from_what_only_has_their_kind(
    scope: str, name: str, attributes: dict[str, Any], role: Role, agent: str | None
) -> None:
    """
    An agent is named by its node or its span, without ids and methods; a workflow, a tool
    or a model with the kind of an agent is no run.
    """
    reading = READS.span(kind("AGENT") | attributes, scope=BASE + scope, name=name)
    assert (reading.role, reading.agent_name) == (role, agent)


@pytest.mark.parametrize(
    ("scope", "name", "metadata", "role"),
    [
        (BASE + "langchain", "planner", {"ls_integration": "langgraph"}, Role.RUN),
        (BASE + "langchain", "LangGraph", {}, Role.RUN),
        (JS + "langchain", "LangGraph", {}, Role.RUN),
        (BASE + "langchain", "LangGraph", {"langgraph_node": "n"}, Role.OTHER),
        (BASE + "langchain", "RunnableSequence", {}, Role.OTHER),
        (BASE + "openai", "LangGraph", {}, Role.OTHER),
    ],
)
def test_a_graph_of_any_name_is_a_run(
    scope: str, name: str, metadata: dict[str, Any], role: Role
) -> None:
    """
    A graph is a run although its kind is CHAIN, but for one that is a node of another.
    """
    attributes = kind("CHAIN", metadata=json.dumps(metadata))
    assert READS.span(attributes, scope=scope, name=name).role is role


@pytest.mark.parametrize(
    ("name", "output", "role"),
    [
        ("agent", '{"messages": []}', Role.OTHER),
        ("route_to_agent", "tools", Role.OTHER),
        ("route_to_agent", '["a", "b"]', Role.OTHER),
        ("writing_agent", '{"messages": []}', Role.RUN),
        ("writing_agent", None, Role.RUN),
    ],
)
def test_a_step_of_a_graph_is_no_run_for_its_name(
    name: str, output: str | None, role: Role
) -> None:
    """
    A node, and what chooses the next one, have "agent" in their names and run no agent;
    an agent that a node invokes does.
    """
    attributes = kind("AGENT", metadata='{"langgraph_node": "agent"}', output__value=output)
    assert READS.span(attributes, scope=BASE + "langchain", name=name).role is role


def test_the_conversation_of_langchain_is_in_its_metadata() -> None:
    """
    A thread's id in LangChain's metadata is the session where no attribute tells one.
    """
    attributes = kind("CHAIN", metadata='{"thread_id": "t", "user_id": "u"}')
    reading = READS.span(attributes, scope=JS + "langchain")
    assert (reading.session_id, reading.user_id) == ("t", "u")
    assert READS.span(attributes, scope=JS + "openai").session_id is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('{"city": "Paris"}', {"city": "Paris"}),
        ('{"kwargs": {"city": "Paris"}}', {"city": "Paris"}),
        (
            '{"args": [], "sanitize_inputs_outputs": true, "kwargs": {"city": "Paris"}}',
            {"city": "Paris"},
        ),
        ('{"args": [{"city": "Paris"}], "kwargs": {}}', {"city": "Paris"}),
        ("{'city': 'Paris', 'exact': True}", {"city": "Paris", "exact": True}),
        ("Paris", "Paris"),
        ("{'city': open('x')}", "{'city': open('x')}"),
    ],
)
def test_what_a_tool_was_given_is_unwrapped(given: str, expected: Any) -> None:
    """
    Arguments are told without their wrapping, as JSON; what is no literal stays text.
    """
    tool = READS.tool(kind("TOOL", tool__name="f", input__value=given), scope=BASE + "smolagents")
    assert json.loads(tool.arguments) == expected


@pytest.mark.parametrize(
    ("output", "result", "call_id", "error"),
    [
        (
            {"type": "tool", "data": {"content": "18C", "tool_call_id": "c", "status": "success"}},
            "18C",
            "c",
            None,
        ),
        (
            {
                "output": {
                    "lc": 1,
                    "type": "constructor",
                    "id": ["langchain_core", "messages", "ToolMessage"],
                    "kwargs": {"content": "18C", "tool_call_id": "c"},
                }
            },
            "18C",
            "c",
            None,
        ),
        (
            {
                "type": "tool",
                "data": {
                    "content": "Error: ValueError('no such city')\n Please fix your mistakes.",
                    "tool_call_id": "c",
                    "status": "error",
                },
            },
            None,
            "c",
            ("ValueError", "no such city"),
        ),
        (
            {"id": "c", "name": "f", "response": {"error": "ValueError: no such city"}},
            None,
            "c",
            ("ValueError", "no such city"),
        ),
        ({"id": "c", "name": "f", "response": {"result": "18C"}}, "18C", "c", None),
        (
            {"blocks": [], "tool_name": "f", "raw_output": "18C", "is_error": False},
            "18C",
            None,
            None,
        ),
        ({"content": [{"type": "text", "text": "no"}], "isError": True}, "no", None, (None, "no")),
    ],
)
def test_what_a_tool_answered_is_unwrapped(
    output: dict[str, Any],
    result: str | None,
    call_id: str | None,
    error: tuple[str | None, str] | None,
) -> None:
    """
    The answer is told without its wrapping, and a failure that looks like success fails.
    """
    attributes = kind("TOOL", tool__name="f", output__value=json.dumps(output))
    reading = READS.span(attributes, scope=BASE + "langchain")
    assert reading.tool is not None
    assert reading.tool.tool_call_id == call_id
    assert result is None or reading.tool.result == result
    assert reading.failed is (error is not None)
    assert error is None or (reading.error_type, reading.error_message) == error


def test_an_exception_says_more_than_an_answer() -> None:
    """
    The failure that a span itself tells is kept.
    """
    output = {"type": "tool", "data": {"content": "no", "tool_call_id": "c", "status": "error"}}
    reading = READS.span(
        kind("TOOL", tool__name="f", output__value=json.dumps(output), error__type="KeyError"),
        scope=BASE + "langchain",
        status_code=STATUS_ERROR,
        status_message="'city'",
    )
    assert (reading.error_type, reading.error_message) == ("KeyError", "'city'")


@pytest.mark.parametrize(
    ("scope", "name", "attributes"),
    [
        ("openai_agents", "handoff to writer", {"input.value": "a", "output.value": "b"}),
        ("instructor", "instructor.patch", {}),
        ("instructor", "handle_response_model", {}),
        ("smolagents", "FinalAnswerTool", {"tool.name": "final_answer"}),
    ],
)
def test_not_all_that_has_the_kind_of_a_tool_is_one(
    scope: str, name: str, attributes: dict[str, Any]
) -> None:
    """
    A handoff, a step of a library and the giving of an answer execute no tool.
    """
    assert READS.span(kind("TOOL") | attributes, scope=BASE + scope, name=name).tool is None


def test_a_tools_schema_is_not_what_it_was_given() -> None:
    """
    `tool.parameters` is the schema in most instrumentations, and the arguments in some.
    """
    schema = '{"type": "object", "properties": {"city": {"type": "string"}}}'
    assert READS.tool(kind("TOOL", tool__name="f", tool__parameters=schema)).arguments is None
    given = READS.tool(kind("TOOL", tool__name="f", tool__parameters='{"city": "Paris"}'))
    assert json.loads(given.arguments) == {"city": "Paris"}


def test_parts_of_all_kinds_are_read() -> None:
    """
    Reasoning, texts, images, their data, and requests for tools become parts; what is
    told twice is one part.
    """
    base = "llm.output_messages.0.message."
    image = "message_content.image.image.url"
    call = READS.call(
        kind("LLM")
        | {
            base + "role": "assistant",
            base + "content": "hi",
            base + "contents.0.message_content.type": "reasoning",
            base + "contents.0.message_content.text": "hm",
            base + "contents.1.message_content.type": "text",
            base + "contents.1.message_content.text": "hi",
            base + "contents.2.message_content.type": "image",
            base + "contents.2." + image: "https://x/y.png",
            base + "contents.3.message_content.type": "image",
            base + "contents.3." + image: "data:image/png;base64,AAAA",
            base + "contents.4.message_content.type": "tool_use",
            base + "function_call_name": "f",
            base + "function_call_arguments_json": '{"a": 1}',
        }
    )
    assert told(call.output) == [
        (
            "assistant",
            [
                {"type": "reasoning", "content": "hm"},
                {"type": "text", "content": "hi"},
                {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
                {"type": "tool_call", "id": None, "name": "f", "arguments": {"a": 1}},
            ],
        )
    ]


def test_completions_of_text_have_prompts_and_choices() -> None:
    """
    Prompts and choices, one attribute each or a list, are the messages of a completion.
    """
    call = READS.call(
        kind("LLM") | {"llm.prompts.0.prompt.text": "say", "llm.choices.0.completion.text": "said"}
    )
    listed = READS.call(kind("LLM") | {"llm.prompts": ["say"]})
    assert call.operation == "text_completion"
    assert (
        told(call.input) == told(listed.input) == [("user", [{"type": "text", "content": "say"}])]
    )
    assert told(call.output) == [("assistant", [{"type": "text", "content": "said"}])]


def test_hidden_content_is_none() -> None:
    """
    What stands for hidden inputs, outputs and texts is no message, argument or result.
    """
    hidden = {"input.value": "__REDACTED__", "output.value": "__REDACTED__"}
    tool = READS.tool(kind("TOOL", tool__name="f") | hidden)
    run = READS.span(kind("AGENT", agent__name="a") | hidden).run
    assert (tool.arguments, tool.result) == (None, None)
    assert run is not None
    assert (run.input, run.output) == ((), ())


@pytest.mark.parametrize(
    ("given", "answered", "asked", "answer"),
    [
        ("hi", "ho", "hi", "ho"),
        ('{"task": "hi", "stream": false}', '{"raw": "ho", "name": "x"}', "hi", "ho"),
        (
            '{"messages": [["user", "hi"]]}',
            '{"messages": [{"type": "human", "content": "hi"}, {"type": "ai", "content": "ho"}]}',
            "hi",
            "ho",
        ),
        (
            '{"new_message": {"role": "user", "parts": [{"text": "hi"}]}}',
            '{"content": {"role": "model", "parts": [{"text": "ho"}]}}',
            "hi",
            "ho",
        ),
    ],
)
def test_what_an_agent_was_asked_is_found_in_its_input(
    given: str, answered: str, asked: str, answer: str
) -> None:
    """
    Question and answer are read from a text, a state, or the object of a framework.
    """
    run = READS.span(kind("AGENT", input__value=given, output__value=answered)).run
    assert run is not None
    assert told(run.input) == [("user", [{"type": "text", "content": asked}])]
    assert told(run.output) == [("assistant", [{"type": "text", "content": answer}])]


def test_an_agent_of_llama_index_is_a_run_without_a_name() -> None:
    """
    Its workflow's span is a chain named after a class, and shows only internals.
    """
    reading = READS.span(
        kind("CHAIN", input__value='{"init_state": {}}', output__value="StopEvent(result=...)"),
        scope=BASE + "llama_index",
        name="FunctionAgent.run",
    )
    assert (reading.role, reading.agent_name) == (Role.RUN, None)
    assert reading.run is not None
    assert (reading.run.input, reading.run.output) == ((), ())


def test_a_span_of_the_vercel_sdk_stays_one() -> None:
    """
    A processor's kind on a span of another dialect with more to tell does not claim it.
    """
    attributes = kind("LLM", ai__operationId="ai.generateText.doGenerate")
    assert not OpenInference().detects(span_of(attributes))
    assert OpenInference().detects(span_of(kind("LLM")))


def test_the_google_adk_shows_two_calls_on_onespan_of() -> None:
    """
    The span has the usage of the last call; its tools, their failures, the agent, the
    session and the user are told in full.
    """
    truth = captures.expected("openinference_google_adk")
    readings = READS.capture("openinference_google_adk")
    (run,) = [r for r in readings if r.role is Role.RUN]
    assert (run.agent_name, run.session_id, run.user_id) == (
        truth["agent_name"],
        truth["session_id"],
        truth["user_id"],
    )
    tools = [r for r in readings if r.tool]
    assert [(r.failed, r.error_type) for r in tools] == [(False, None), (True, "ValueError")]
    assert tools[0].tool is not None
    assert tools[0].tool.result == "18C and sunny in Paris"


def test_crewai_tells_its_agent_and_tools_but_no_calls() -> None:
    """
    Without an instrumentation of the client there are no calls, and the answer is the run's.
    """
    truth = captures.expected("openinference_crewai")
    readings = READS.capture("openinference_crewai")
    (run,) = [r for r in readings if r.role is Role.RUN]
    assert run.agent_name == truth["agent_name"]
    assert run.run is not None
    assert told(run.run.output)[0][1] == [{"type": "text", "content": truth["final_answer"]}]
    assert [r.failed for r in readings if r.tool] == [False, True]
    assert not any(r.call for r in readings)


RAW = (
    "ChatCompletion(id='chatcmpl-1', choices=[Choice(finish_reason='tool_calls', index=0,"
    " message=ChatCompletionMessage(content=None, role='assistant'))], created=1795254325,"
    " model='gpt-4o-mini-2024-07-18', usage=CompletionUsage(completion_tokens=33,"
    " prompt_tokens=143, total_tokens=176,"
    " completion_tokens_details=CompletionTokensDetails(reasoning_tokens=7),"
    " prompt_tokens_details=PromptTokensDetails(audio_tokens=None, cached_tokens=128)))"
)


@pytest.mark.parametrize(
    ("raw", "prompt", "expected"),
    [
        (RAW, 143, ("chatcmpl-1", "gpt-4o-mini-2024-07-18", 128, 7, ("tool_calls",))),
        (RAW, 99, ("chatcmpl-1", "gpt-4o-mini-2024-07-18", None, None, ("tool_calls",))),
        (RAW[:-9], 143, (None, None, None, None, ())),
        ("__import__('os').system('false')", 143, (None, None, None, None, ())),
    ],
)
def test_a_response_of_smolagents_is_read_from_how_python_shows_it(
    raw: str, prompt: int, expected: tuple[Any, ...]
) -> None:
    """
    Id, model, reasons and the parts of equal counts are there; what is cut off tells nothing.
    """
    attributes = kind(
        "LLM",
        llm__model_name="gpt-4o-mini",
        llm__token_count__prompt=prompt,
        llm__token_count__completion=33,
        **response(role="assistant", content=None, raw=raw),
    )
    call = READS.call(attributes, scope=f"{BASE}smolagents")
    usage = call.usage
    assert (usage.input_tokens, usage.output_tokens) == (prompt, 33)
    found = (
        call.response_id,
        call.response_model,
        usage.cache_read_tokens,
        usage.reasoning_tokens,
    )
    assert (*found, call.finish_reasons) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("generation", ("gpt-4o-mini", None)), ("response", (None, "gpt-4o-mini"))],
)
def test_the_model_of_openais_agents_is_told_by_the_kind_of_request(
    name: str, expected: tuple[str | None, str | None]
) -> None:
    """
    A chat's span knows the model that was asked, the span of a response the one that answered.
    """
    attributes = kind("LLM", llm__model_name="gpt-4o-mini")
    call = READS.call(attributes, scope=f"{BASE}openai_agents", name=name)
    assert (call.request_model, call.response_model) == expected
