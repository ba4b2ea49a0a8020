"""
The LangChain integration: what a call says, read from wherever LangChain keeps it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_agents import Recorded, ScriptedModel, says
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from otel_bridge_storage.readings import Usage

from otel_bridge.integrations.langchain.answers import read_result
from otel_bridge.integrations.langchain.content import answered, asked, conversation
from otel_bridge.integrations.langchain.requests import read_request
from otel_bridge.responses import Response


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """
    A bridge into a file.
    """
    made = Recorded(tmp_path / "runs.db")
    yield made
    made.close()


def result(*messages: AIMessage, **whole: Any) -> LLMResult:
    """
    Make what LangChain gives at the end of a call.
    """
    generations: Any = [[ChatGeneration(message=message) for message in messages]]
    return LLMResult(generations=generations, llm_output=whole or None)


def usage(**told: Any) -> AIMessage:
    """
    Make an answer with LangChain's own form of usage.
    """
    counts = {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150, **told}
    return AIMessage(content="x", usage_metadata=counts)


USAGES = {
    "plain": (result(usage()), Usage(input_tokens=100, output_tokens=50)),
    "cache and reasoning": (
        result(
            usage(
                input_token_details={"cache_read": 60, "cache_creation": 30},
                output_token_details={"reasoning": 20},
            )
        ),
        Usage(
            input_tokens=100,
            output_tokens=50,
            cache_read_tokens=60,
            cache_write_tokens=30,
            reasoning_tokens=20,
        ),
    ),
    "cache writes by how long they are kept": (
        result(
            usage(
                input_token_details={
                    "cache_creation": 0,
                    "ephemeral_5m_input_tokens": 10,
                    "ephemeral_1h_input_tokens": 15,
                }
            )
        ),
        Usage(input_tokens=100, output_tokens=50, cache_write_tokens=25, cache_write_1h_tokens=15),
    ),
    "a tier of service": (
        result(
            usage(
                input_token_details={"flex_cache_read": 40, "flex": 60},
                output_token_details={"flex_reasoning": 5, "flex": 45},
            )
        ),
        Usage(input_tokens=100, output_tokens=50, cache_read_tokens=40, reasoning_tokens=5),
    ),
    "several answers to one request": (
        result(usage(), usage(), usage()),
        Usage(input_tokens=100, output_tokens=50),
    ),
    "beside the answers": (
        result(AIMessage(content="x"), token_usage={"prompt_tokens": 7, "completion_tokens": 3}),
        Usage(input_tokens=7, output_tokens=3),
    ),
    "beside the answers, without the cache": (
        result(
            AIMessage(content="x"),
            usage={"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 5},
        ),
        Usage(input_tokens=12, output_tokens=3, cache_read_tokens=5),
    ),
    "none": (result(AIMessage(content="x")), Usage()),
    "zeros, which are none": (
        result(usage(input_tokens=0, output_tokens=0, total_tokens=0)),
        Usage(),
    ),
    "an answer from a cache": (
        result(usage(total_cost=0)),
        Usage(input_tokens=0, output_tokens=0),
    ),
}


@pytest.mark.parametrize("case", USAGES)
def test_usage_is_read_from_wherever_it_is(case: str) -> None:
    """
    Every place of usage gives the same counts: input with cache, output with reasoning.
    """
    told, wanted = USAGES[case]
    assert read_result(told, "openai").usage == wanted


IDS = {
    "of the result": (result(AIMessage(content="x"), id="chatcmpl-1"), "openai", "chatcmpl-1"),
    "of the response": (
        result(AIMessage(content="x", id="msg_item", response_metadata={"id": "resp_1"})),
        "openai",
        "resp_1",
    ),
    "of a message that is the response": (
        result(AIMessage(content="x", id="msg_1")),
        "anthropic",
        "msg_1",
    ),
    "of a part of the response": (result(AIMessage(content="x", id="msg_1")), "openai", None),
    "of LangChain": (result(AIMessage(content="x", id="lc_run--1-0")), "openai", None),
    "of LangChain, older": (result(AIMessage(content="x", id="run-1")), "anthropic", None),
}


@pytest.mark.parametrize("case", IDS)
def test_the_providers_id_is_told_from_others(case: str) -> None:
    """
    Only what names the provider's answer is a response id.
    """
    told, provider, wanted = IDS[case]
    assert read_result(told, provider).response_id == wanted


def test_an_answer_is_read_whole(recorded: Recorded) -> None:
    """
    Model, provider, parameters, tier, reason and messages of a call are on its span.
    """
    answer = says(
        "hello",
        (10, 2),
        response_metadata={
            "model_name": "gpt-4o-2024-08-06",
            "finish_reason": "stop",
            "id": "chatcmpl-9",
            "service_tier": "flex",
        },
    )
    model = ScriptedModel(answers=[answer])
    config: Any = {"callbacks": [recorded.handler()]}
    model.invoke([SystemMessage("be brief"), HumanMessage("hi")], config, stop=["x"])
    (span,) = recorded.spans("chat gpt-4o")
    wanted = {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": "chatcmpl-9",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.service_tier": "flex",
    }
    assert {name: span.get(name) for name in wanted} == wanted
    assert json.loads(span["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
    ]
    assert json.loads(span["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "hello"}],
            "finish_reason": "stop",
        }
    ]


def test_a_request_is_read_from_its_parameters() -> None:
    """
    What the provider is sent goes before what LangChain says of the model.
    """
    parameters = {
        "model": "gpt-4o",
        "temperature": 0.0,
        "max_completion_tokens": 99,
        "stream": True,
        "tools": [{"type": "function"}],
    }
    metadata = {"ls_provider": "amazon_bedrock", "ls_model_name": "other", "ls_temperature": 1.0}
    assert read_request(parameters, metadata) == {
        "model": "gpt-4o",
        "provider": "aws.bedrock",
        "tools": [{"type": "function"}],
        "temperature": 0.0,
        "max_tokens": 99,
        "stream": True,
    }
    assert read_request(None, {})["model"] is None


def test_answers_from_a_cache_use_nothing(recorded: Recorded) -> None:
    """
    A call that LangChain answers from its cache is a call without tokens.
    """
    model = ScriptedModel(answers=[says("hi")], cache=InMemoryCache())
    chain = (model | (lambda told: told)).with_config(run_name="chain")
    for _ in range(3):
        chain.invoke("hello", {"callbacks": [recorded.handler()]})
    assert recorded.rows(
        "SELECT input_tokens, output_tokens FROM llm_calls ORDER BY start_ns"
    ) == [
        (10, 2),
        (0, 0),
        (0, 0),
    ]


def test_a_model_of_texts_is_a_completion(recorded: Recorded) -> None:
    """
    A model that takes a text and gives one leaves a call of that sort.
    """
    FakeListLLM(responses=["pong"]).invoke("ping", {"callbacks": [recorded.handler()]})
    (span,) = recorded.spans("text_completion")
    assert span["gen_ai.operation.name"] == "text_completion"
    assert "ping" in span["gen_ai.input.messages"]
    assert "pong" in span["gen_ai.output.messages"]


def test_messages_of_every_sort_have_parts() -> None:
    """
    Tool calls, answers, reasoning and media become parts of the conventions' form.
    """
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    link = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    call: Any = {"name": "f", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
    bedrock = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}
    told = conversation(
        [
            ("user", "hi"),
            HumanMessage([{"type": "text", "text": "see"}, image, link]),
            AIMessage(
                [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ok"}, bedrock],
                tool_calls=[call],
            ),
            AIMessage("so", additional_kwargs={"reasoning_content": "because"}),
            ToolMessage("42", tool_call_id="c1"),
            {"role": "user", "content": "thanks"},
        ]
    )
    assert [message["role"] for message in told] == [
        "user",
        "user",
        "assistant",
        "assistant",
        "tool",
        "user",
    ]
    assert told[1]["parts"][1:] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
        {"type": "uri", "modality": "image", "uri": "https://x.example/a.png"},
    ]
    assert told[2]["parts"] == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "ok"},
        {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
    ]
    assert told[3]["parts"][0] == {"type": "reasoning", "content": "because"}
    assert told[4]["parts"] == [{"type": "tool_call_response", "id": "c1", "response": "42"}]


def test_a_run_answers_with_its_last_message_only() -> None:
    """
    Of a graph's state, which holds the whole conversation, only the answer is kept.
    """
    state = {"messages": [HumanMessage("a"), AIMessage("b"), HumanMessage("c"), AIMessage("d")]}
    (message,) = answered(state)
    assert message["parts"] == [{"type": "text", "content": "d"}]
    assert answered({"output": "x"}) == "x"
    assert asked({"question": "why?"}) == "why?"
    assert asked("why?") == "why?"
    assert json.loads(asked({"a": 1, "b": 2})) == {"a": 1, "b": 2}


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["generations", "message", "usage_metadata", "llm_output", "id", "type"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_ANY)
def test_anything_is_read_without_an_error(told: Any) -> None:
    """
    Whatever a model or a graph gives, something is read from it and nothing raised.
    """
    assert isinstance(read_result(told, "openai"), Response)
    assert isinstance(read_result({"generations": [[told]]}, None), Response)
    assert isinstance(conversation([told]), list)
    asked(told)
    answered({"messages": [told]})
    read_request(told, {})
