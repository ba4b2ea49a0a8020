"""
Responses of the `openai` and `anthropic` clients, and messages in their forms.
"""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import anthropic
import openai
import pytest
from anthropic.types import Message as AnthropicMessage
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response as OpenAIResponse
from opentelemetry.trace import StatusCode
from otel_bridge_storage.readings import Usage
from spans import Spans, attributes

from otel_bridge.messages import content_of, messages_of, parts_of
from otel_bridge.recorder import Recorder
from otel_bridge.responses import StreamReader, read_response, read_usage

CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "Looking.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                    }
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 8},
    },
}
WEATHER = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Paris"}}
CHAT_OUTPUT = [
    {
        "role": "assistant",
        "parts": [{"type": "text", "content": "Looking."}, WEATHER],
        "finish_reason": "tool_calls",
    }
]
CHAT_USAGE = Usage(input_tokens=100, output_tokens=20, cache_read_tokens=64, reasoning_tokens=8)
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-5",
    "status": "completed",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "output": [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Thinking."}],
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Looking.", "annotations": []}],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city":"Paris"}',
            "status": "completed",
        },
    ],
    "usage": {
        "input_tokens": 50,
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 0},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 12},
        "total_tokens": 80,
    },
}
RESPONSE_OUTPUT = [
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "Thinking."},
            {"type": "text", "content": "Looking."},
            WEATHER,
        ],
        "finish_reason": "tool_calls",
    }
]
RESPONSE_USAGE = Usage(
    input_tokens=50,
    output_tokens=30,
    cache_read_tokens=10,
    cache_write_tokens=0,
    reasoning_tokens=12,
)
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "content": [
        {"type": "thinking", "thinking": "Thinking.", "signature": "s"},
        {"type": "text", "text": "Looking.", "citations": None},
        {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Paris"}},
    ],
    "usage": {
        "input_tokens": 10,
        "output_tokens": 25,
        "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        "output_tokens_details": {"thinking_tokens": 5},
    },
}
MESSAGE_OUTPUT = [{**RESPONSE_OUTPUT[0], "finish_reason": "tool_use"}]
MESSAGE_USAGE = Usage(
    input_tokens=240,
    output_tokens=25,
    cache_read_tokens=200,
    cache_write_tokens=30,
    cache_write_1h_tokens=10,
    reasoning_tokens=5,
)
EMBEDDINGS: dict[str, Any] = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}],
    "usage": {"prompt_tokens": 6, "total_tokens": 6},
}


def chunk(choices: list[Any], **more: Any) -> dict[str, Any]:
    """
    A chunk of a streamed chat completion.
    """
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": choices,
        **more,
    }


def delta(finish_reason: str | None = None, **said: Any) -> list[Any]:
    """
    The choices of a chunk that has one.
    """
    return [{"index": 0, "delta": said, "finish_reason": finish_reason}]


def arguments(text: str, **more: Any) -> dict[str, Any]:
    """
    A piece of a streamed tool call.
    """
    return {"index": 0, "function": {"arguments": text, **more}}


CHAT_CHUNKS = [
    chunk(delta(role="assistant", content="Look")),
    chunk(delta(content="ing.")),
    chunk(
        delta(tool_calls=[{**arguments("", name="weather"), "id": "call_1", "type": "function"}])
    ),
    chunk(delta(tool_calls=[arguments('{"city":')])),
    chunk(delta(tool_calls=[arguments('"Paris"}')])),
    chunk(delta("tool_calls")),
    chunk([], usage=CHAT["usage"]),
]
MESSAGE_EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            **MESSAGE,
            "content": [],
            "stop_reason": None,
            "usage": {**MESSAGE["usage"], "output_tokens": 1, "output_tokens_details": None},
        },
    },
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "thinking", "thinking": "", "signature": ""},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "Thinking."},
    },
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Look"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "ing."}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "call_1", "name": "weather", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": '{"city":'},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": '"Paris"}'},
    },
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 25, "output_tokens_details": {"thinking_tokens": 5}},
    },
    {"type": "message_stop"},
]
UNFINISHED = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
RESPONSE_EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "sequence_number": 0, "response": UNFINISHED},
    {
        "type": "response.output_item.added",
        "sequence_number": 1,
        "output_index": 0,
        "item": {**RESPONSE["output"][1], "content": [], "status": "in_progress"},
    },
    {
        "type": "response.output_text.delta",
        "sequence_number": 2,
        "output_index": 0,
        "content_index": 0,
        "item_id": "msg_1",
        "delta": "Looking.",
        "logprobs": [],
    },
    {
        "type": "response.output_item.added",
        "sequence_number": 3,
        "output_index": 1,
        "item": {**RESPONSE["output"][2], "arguments": "", "status": "in_progress"},
    },
    {
        "type": "response.function_call_arguments.delta",
        "sequence_number": 4,
        "output_index": 1,
        "item_id": "fc_1",
        "delta": '{"city":"Paris"}',
    },
    {"type": "response.completed", "sequence_number": 5, "response": RESPONSE},
]


@pytest.mark.parametrize(
    ("plain", "make"),
    [
        (CHAT, ChatCompletion.model_validate),
        (RESPONSE, OpenAIResponse.model_validate),
        (MESSAGE, AnthropicMessage.model_validate),
        (EMBEDDINGS, CreateEmbeddingResponse.model_validate),
    ],
    ids=["chat", "responses", "anthropic", "embeddings"],
)
def test_objects_and_dicts_read_the_same(plain: dict[str, Any], make: Any) -> None:
    """
    A client's object and a dict of its shape say the same.
    """
    assert read_response(make(plain)) == read_response(plain)


@pytest.mark.parametrize(
    ("response", "model", "response_id", "output", "usage"),
    [
        (CHAT, "gpt-4o-2024-08-06", "chatcmpl-1", CHAT_OUTPUT, CHAT_USAGE),
        (RESPONSE, "gpt-5", "resp_1", RESPONSE_OUTPUT, RESPONSE_USAGE),
        (MESSAGE, "claude-sonnet-4-5", "msg_1", MESSAGE_OUTPUT, MESSAGE_USAGE),
        (EMBEDDINGS, "text-embedding-3-small", None, [], Usage(input_tokens=6)),
    ],
    ids=["chat", "responses", "anthropic", "embeddings"],
)
def test_response_is_read_whole(
    response: Any, model: str, response_id: str | None, output: Any, usage: Usage
) -> None:
    """
    Model, id, messages, finish reason and normalised usage are read of every client.
    """
    read = read_response(response)
    assert (read.model, read.response_id, read.output) == (model, response_id, output)
    assert read.usage == usage
    assert list(read.finish_reasons) == [message["finish_reason"] for message in output]


@pytest.mark.parametrize(
    ("chunks", "whole"),
    [(CHAT_CHUNKS, CHAT), (RESPONSE_EVENTS, RESPONSE), (MESSAGE_EVENTS, MESSAGE)],
    ids=["chat", "responses", "anthropic"],
)
def test_stream_amounts_to_the_whole_response(chunks: Iterable[Any], whole: Any) -> None:
    """
    The chunks of a stream, put together, say what the whole response says.
    """
    reader = StreamReader()
    for each in chunks:
        reader.add(each)
    assert reader.response() == read_response(whole)


def test_interrupted_streams_say_what_is_known() -> None:
    """
    Of a stream that stops early the texts and tool calls so far are read; a usage that
    was not told is unknown.
    """
    chat, responses, message = StreamReader(), StreamReader(), StreamReader()
    for each in CHAT_CHUNKS[:4]:
        chat.add(each)
    for each in RESPONSE_EVENTS[:5]:
        responses.add(each)
    for each in MESSAGE_EVENTS[:7]:
        message.add(each)
    assert chat.response().output[0]["parts"][0] == {"type": "text", "content": "Looking."}
    assert chat.response().output[0]["parts"][1]["arguments"] == '{"city":'
    assert chat.response().usage == Usage()
    assert responses.response().output == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Looking."}, WEATHER]}
    ]
    assert responses.response().usage == Usage()
    assert responses.response().finish_reasons == ()
    assert message.response().usage.input_tokens == 240
    assert message.response().usage.output_tokens is None
    assert message.response().model == "claude-sonnet-4-5"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        ({}, Usage()),
        ({"prompt_tokens": 4}, Usage(input_tokens=4)),
        ({"prompt_tokens": True, "completion_tokens": "9"}, Usage()),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(input_tokens=10, output_tokens=12, reasoning_tokens=7),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8},
            Usage(input_tokens=10, output_tokens=5, cache_read_tokens=8),
        ),
        (
            {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            Usage(input_tokens=1, output_tokens=2),
        ),
        (
            {"input_tokens": 1, "cache_read_input_tokens": 2},
            Usage(input_tokens=3, cache_read_tokens=2),
        ),
    ],
)  # fmt: skip
def test_usage_is_normalised_and_unknown_is_not_zero(usage: Any, expected: Usage) -> None:
    """
    Counts that are absent or no counts are None; reasoning that a provider leaves out
    of the output is added to it.
    """
    assert read_usage(usage) == expected


@pytest.mark.parametrize(
    "odd",
    [None, 7, object(), MagicMock(), {"choices": 3}, {"choices": [None, 7]}, {"type": "message"},
     {"object": "response", "output": [1, None]}, {"usage": {"input_tokens": float("nan")}},
     {"choices": [{"message": {"tool_calls": 3, "content": {"a": object()}}}]},
     SimpleNamespace(data=[SimpleNamespace(embedding=1)])],
)  # fmt: skip
def test_unknown_shapes_are_read_as_far_as_they_go(odd: Any) -> None:
    """
    No object makes reading fail, whole or as a chunk, and none invents a usage.
    """
    assert read_response(odd).usage == Usage()
    reader = StreamReader()
    reader.add(odd)
    assert reader.response().usage == Usage()


def test_response_of_an_unknown_client_is_read_by_familiar_names() -> None:
    """
    An unknown object's model, text and usage are read where their names are usual.
    """
    read = read_response({"model": "m", "content": "hi", "usage": {"prompt_tokens": 2}})
    assert (read.model, read.usage.input_tokens) == ("m", 2)
    assert read.output == [{"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}]


def test_client_objects_become_messages() -> None:
    """
    A client's own message can be an input, as programs that append it do.
    """
    message = ChatCompletion.model_validate(CHAT).choices[0].message
    blocks = AnthropicMessage.model_validate(MESSAGE).content
    assert messages_of([message])[0]["parts"] == CHAT_OUTPUT[0]["parts"]
    assert (
        messages_of([{"role": "assistant", "content": blocks}])[0]["parts"]
        == (MESSAGE_OUTPUT[0]["parts"])
    )
    assert content_of(message) == CHAT_OUTPUT[0]["parts"]
    assert content_of("hi") == "hi"
    assert parts_of("be brief") == [{"type": "text", "content": "be brief"}]


class Model(BaseHTTPRequestHandler):
    """
    A model server that answers in the way of each API.
    """

    def do_POST(self) -> None:
        """
        Answer a request, streamed where it asks for that.
        """
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        whole, chunks, done = ANSWERS[self.path]
        if asked.get("model") == "missing":
            self._answer(404, "application/json", json.dumps({"error": {"message": "no model"}}))
        elif asked.get("stream"):
            body = "".join(
                f"event: {each.get('type', 'chunk')}\ndata: {json.dumps(each)}\n\n"
                for each in chunks
            )
            self._answer(200, "text/event-stream", body + done)
        else:
            self._answer(200, "application/json", json.dumps(whole))

    def _answer(self, status: int, kind: str, body: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """
        Say nothing.
        """


ANSWERS: dict[str, tuple[Any, list[Any], str]] = {
    "/v1/chat/completions": (CHAT, CHAT_CHUNKS, "data: [DONE]\n\n"),
    "/v1/responses": (RESPONSE, RESPONSE_EVENTS, ""),
    "/v1/embeddings": (EMBEDDINGS, [], ""),
    "/v1/messages": (MESSAGE, MESSAGE_EVENTS, ""),
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """
    The address of a model server.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def gpt(address: str) -> Iterator[openai.OpenAI]:
    """
    A client of OpenAI's API.
    """
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(address: str) -> Iterator[anthropic.Anthropic]:
    """
    A client of Anthropic's API.
    """
    with anthropic.Anthropic(base_url=address, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def spans() -> Spans:
    """
    A tracer and its spans.
    """
    return Spans()


@pytest.fixture
def recorder(spans: Spans) -> Recorder:
    """
    A recorder.
    """
    return Recorder(spans.tracer)


ASKED: list[Any] = [{"role": "user", "content": "weather?"}]


def check(spans: Spans, usage: Usage, output: Any, *, streamed: bool = False) -> None:
    """
    Check what the span of the one call says.
    """
    found = attributes(spans.only("chat asked"))
    assert found["gen_ai.usage.input_tokens"] == usage.input_tokens
    assert found["gen_ai.usage.output_tokens"] == usage.output_tokens
    assert found["gen_ai.usage.cache_read.input_tokens"] == usage.cache_read_tokens
    assert json.loads(found["gen_ai.output.messages"]) == output
    assert found["gen_ai.response.finish_reasons"] == (output[0]["finish_reason"],)
    assert ("gen_ai.response.time_to_first_chunk" in found) is streamed


def test_openai_client(spans: Spans, recorder: Recorder, gpt: openai.OpenAI) -> None:
    """
    A chat completion of the real client is recorded and handed on unchanged.
    """
    with recorder.llm_call(model="asked", input=ASKED) as call:
        got = gpt.chat.completions.create(model="asked", messages=ASKED)
        assert call.response(got) is got
    check(spans, CHAT_USAGE, CHAT_OUTPUT)


def test_raw_responses_are_read(
    recorder: Recorder, gpt: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    """
    What `with_raw_response` gives is recorded by its body and handed on unchanged.
    """
    told = Spans()
    with Recorder(told.tracer).llm_call(model="asked") as call:
        got = gpt.chat.completions.with_raw_response.create(model="asked", messages=ASKED)
        assert call.response(got) is got
    check(told, CHAT_USAGE, CHAT_OUTPUT)
    assert got.parse().id == CHAT["id"]
    told = Spans()
    with Recorder(told.tracer).llm_call(model="asked") as call:
        raw: Any = claude.messages.with_raw_response
        call.response(raw.create(model="asked", max_tokens=9, messages=ASKED))
    check(told, MESSAGE_USAGE, MESSAGE_OUTPUT)


def test_raw_streams_are_left_to_the_caller(recorder: Recorder, gpt: openai.OpenAI) -> None:
    """
    A raw response whose body has yet to be streamed is not read.
    """
    raw: Any = gpt.chat.completions.with_raw_response
    with recorder.llm_call(model="asked") as call:
        got = call.response(raw.create(model="asked", messages=ASKED, stream=True))
    assert len(list(got.parse())) == len(CHAT_CHUNKS)


def test_openai_stream(spans: Spans, recorder: Recorder, gpt: openai.OpenAI) -> None:
    """
    Every chunk of the real client's stream passes through; the call ends with it, also
    when it is consumed after the `with` block.
    """
    with recorder.llm_call(model="asked", stream=True) as call:
        stream = call.stream(
            gpt.chat.completions.create(model="asked", messages=ASKED, stream=True)
        )
    assert spans.ended == []
    chunks = list(stream)
    assert all(isinstance(each, ChatCompletionChunk) for each in chunks)
    assert len(chunks) == len(CHAT_CHUNKS)
    check(spans, CHAT_USAGE, CHAT_OUTPUT, streamed=True)


def test_openai_stream_behaves_as_the_clients(
    spans: Spans, recorder: Recorder, gpt: openai.OpenAI
) -> None:
    """
    The stream is still a context manager with the attributes of the client's, and one
    that is left early ends the call with what was seen.
    """
    with recorder.llm_call(model="asked") as call:
        made = gpt.chat.completions.create(model="asked", messages=ASKED, stream=True)
        with call.stream(made) as stream:  # type: ignore[attr-defined]
            assert stream.response is made.response
            assert next(stream).choices[0].delta.content == "Look"
    found = attributes(spans.only("chat asked"))
    assert "Look" in found["gen_ai.output.messages"]
    assert "gen_ai.usage.input_tokens" not in found
    assert spans.only("chat asked").status.status_code is StatusCode.UNSET


def test_openai_helper_stream(spans: Spans, recorder: Recorder, gpt: openai.OpenAI) -> None:
    """
    The client's own stream helper is read as well.
    """
    with (
        recorder.llm_call(model="asked") as call,
        call.stream(gpt.chat.completions.stream(model="asked", messages=ASKED)) as events,  # type: ignore[call-overload]
    ):
        assert len(list(events)) >= len(CHAT_CHUNKS)
    check(spans, CHAT_USAGE, CHAT_OUTPUT, streamed=True)


def test_openai_responses(spans: Spans, recorder: Recorder, gpt: openai.OpenAI) -> None:
    """
    The Responses API of the real client is recorded, whole and streamed.
    """
    with recorder.llm_call(model="asked") as call:
        call.response(gpt.responses.create(model="asked", input="weather?"))
    check(spans, RESPONSE_USAGE, RESPONSE_OUTPUT)
    streamed = Spans()
    call = Recorder(streamed.tracer).llm_call(model="asked")
    for _ in call.stream(gpt.responses.create(model="asked", input="weather?", stream=True)):
        pass
    check(streamed, RESPONSE_USAGE, RESPONSE_OUTPUT, streamed=True)


def test_openai_embeddings(spans: Spans, recorder: Recorder, gpt: openai.OpenAI) -> None:
    """
    Embeddings of the real client are recorded without their vectors.
    """
    with recorder.llm_call(model="asked", operation="embeddings", input="text") as call:
        made = gpt.embeddings.create(model="asked", input="text", encoding_format="float")
        call.response(made)
    found = attributes(spans.only("embeddings asked"))
    assert found["gen_ai.usage.input_tokens"] == 6
    assert found["gen_ai.response.model"] == "text-embedding-3-small"
    assert "gen_ai.output.messages" not in found


def test_anthropic_client(spans: Spans, recorder: Recorder, claude: anthropic.Anthropic) -> None:
    """
    A message of the real client is recorded, with the cache in its input.
    """
    with recorder.llm_call(model="asked", input=ASKED, system="be brief") as call:
        call.response(claude.messages.create(model="asked", max_tokens=9, messages=ASKED))
    check(spans, MESSAGE_USAGE, MESSAGE_OUTPUT)
    found = attributes(spans.only("chat asked"))
    assert found["otel_bridge.usage.cache_write_1h.input_tokens"] == 10
    assert json.loads(found["gen_ai.system_instructions"]) == [
        {"type": "text", "content": "be brief"}
    ]


def test_anthropic_streams(spans: Spans, recorder: Recorder, claude: anthropic.Anthropic) -> None:
    """
    The real client's stream is recorded, and its helper's, also where only the text or
    the final message is asked for.
    """
    with recorder.llm_call(model="asked") as call:
        made = claude.messages.create(model="asked", max_tokens=9, messages=ASKED, stream=True)
        assert len(list(call.stream(made))) == len(MESSAGE_EVENTS)
    check(spans, MESSAGE_USAGE, MESSAGE_OUTPUT, streamed=True)
    for read in (list, lambda each: list(each.text_stream), lambda each: each.get_final_message()):
        told = Spans()
        helper: Any = claude.messages.stream(model="asked", max_tokens=9, messages=ASKED)
        with (
            Recorder(told.tracer).llm_call(model="asked") as call,
            call.stream(helper) as stream,
        ):
            read(stream)
        check(told, MESSAGE_USAGE, MESSAGE_OUTPUT, streamed=read is list)


def test_async_clients(spans: Spans, recorder: Recorder, address: str) -> None:
    """
    Streams of the async clients are recorded.
    """

    async def ask_gpt() -> None:
        async with (
            openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none") as client,
            recorder.llm_call(model="asked") as call,
        ):
            made = await client.chat.completions.create(model="asked", messages=ASKED, stream=True)
            got = [each async for each in call.stream(made)]
            assert len(got) == len(CHAT_CHUNKS)

    async def ask_claude() -> None:
        async with (
            anthropic.AsyncAnthropic(base_url=address, api_key="none") as client,
            Recorder(claude_spans.tracer).llm_call(model="asked") as call,
        ):
            helper: Any = client.messages.stream(model="asked", max_tokens=9, messages=ASKED)
            async with call.stream(helper) as stream:
                async for _ in stream:
                    pass

    claude_spans = Spans()
    asyncio.run(ask_gpt())
    asyncio.run(ask_claude())
    check(spans, CHAT_USAGE, CHAT_OUTPUT, streamed=True)
    check(claude_spans, MESSAGE_USAGE, MESSAGE_OUTPUT, streamed=True)


def test_errors_of_the_client_fail_the_call(
    spans: Spans, recorder: Recorder, gpt: openai.OpenAI
) -> None:
    """
    An error of the API is raised as it is, and the call has failed with its type.
    """
    with pytest.raises(openai.NotFoundError), recorder.llm_call(model="missing"):
        gpt.chat.completions.create(model="missing", messages=ASKED)
    call = spans.only("chat missing")
    assert call.status.status_code is StatusCode.ERROR
    assert attributes(call)["error.type"] == "openai.NotFoundError"


def test_stream_that_breaks_fails_the_call(spans: Spans, recorder: Recorder) -> None:
    """
    An error in the middle of a stream goes on unchanged; the call has failed, with what
    was seen of it.
    """
    error = ConnectionError("gone")

    def broken() -> Iterator[Any]:
        yield from CHAT_CHUNKS[:2]
        raise error

    with pytest.raises(ConnectionError) as caught:
        list(recorder.llm_call(model="m").stream(broken()))
    assert caught.value is error
    call = spans.only("chat m")
    assert call.status.status_code is StatusCode.ERROR
    assert "Looking." in attributes(call)["gen_ai.output.messages"]


def test_dropped_streams_end_their_calls(spans: Spans, recorder: Recorder) -> None:
    """
    A consumer that stops and lets go of the stream, or keeps it beyond the `with` block,
    ends the call with what was seen; an async one too.
    """

    async def chunks() -> AsyncIterator[Any]:
        for each in CHAT_CHUNKS:
            yield each

    async def program() -> None:
        async with recorder.llm_call(model="c") as call:
            async for _ in call.stream(chunks()):
                break

    for _ in recorder.llm_call(model="a").stream(iter(CHAT_CHUNKS)):
        break
    gc.collect()
    with recorder.llm_call(model="b") as call:
        kept = call.stream(iter(CHAT_CHUNKS))
        for _ in kept:
            break
    assert [span.name for span in spans.ended] == ["chat a", "chat b"]
    assert len(list(kept)) == len(CHAT_CHUNKS) - 1
    asyncio.run(program())
    assert [span.name for span in spans.ended] == ["chat a", "chat b", "chat c"]
    for span in spans.ended:
        assert "Look" in attributes(span)["gen_ai.output.messages"]
