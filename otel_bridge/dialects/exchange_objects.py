"""
What a program sent to a model, and what came back, as the JSON of the client's objects.

Backends that record the arguments and the result of a call keep these as they are, for
whichever client was called: OpenAI, Anthropic, Gemini, Bedrock, LangChain.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from otel_bridge_storage.readings import Message, Usage

from otel_bridge.dialects import langchain_objects as langchain
from otel_bridge.dialects import lenient
from otel_bridge.dialects.chat_messages import (
    content_parts,
    message_of,
    role_of,
    text_message,
    tool_call,
)
from otel_bridge.dialects.response_ids import provider_id
from otel_bridge.dialects.usage_spellings import completed, usage_in
from otel_bridge.messages import messages_of
from otel_bridge.responses import StreamReader, read_response
from otel_bridge.responses.openai_responses import output_messages

Messages = tuple[Message, ...]

_SYSTEM: lenient.Names = ("system", "instructions", "system_instruction", "systemInstruction")
_SENT: lenient.Names = ("messages", "contents", "input", "inputs", "prompt", "prompts", "query")
_GIVEN: lenient.Names = (
    "output",
    "outputs",
    "messages",
    "message",
    "text",
    "completion",
    "response",
)
_ITEMS = ("message", "function_call", "custom_tool_call", "reasoning")
"""
The types of the items that the Responses API answers with.
"""
_USAGE: lenient.Names = ("usage", "usage_metadata", "usageMetadata")
_MODEL: lenient.Names = ("model", "model_version", "modelVersion", "modelId", "model_name")
_STOP: lenient.Names = ("stopReason", "stop_reason", "finish_reason", "finishReason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What came back from a model; what it does not say is None or empty.
    """

    output: Messages = ()
    model: str | None = None
    response_id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)


def request_messages(value: Any) -> Messages:
    """
    Read the messages in the arguments of a request, the system's first.
    """
    try:
        return _asked(value)
    except RecursionError:
        return ()


def _asked(value: Any) -> Messages:
    if not isinstance(value, Mapping):
        return _sent(value)
    config = value.get("config")
    said = (value, config if isinstance(config, Mapping) else {})
    system = next((text for told in said if (text := lenient.value(told, _SYSTEM))), None)
    parts = [part for part in content_parts(_content(system)) if part]
    first = (message_of("system", parts),) if parts else ()
    name = next((name for name in _SENT if value.get(name)), None)
    sent = value if name is None and _is_message(value) else value.get(name or "")
    return (*first, *_sent(sent))


def answer_in(value: Any) -> Answer:
    """
    Read what came back, in the form of any client.
    """
    try:
        return _answer(value)
    except RecursionError:
        return Answer()


def _answer(value: Any) -> Answer:
    if isinstance(value, str):
        return Answer(output=(text_message("assistant", value),) if value else ())
    if isinstance(value, list):
        return _listed(value)
    if not isinstance(value, Mapping):
        return Answer()
    if isinstance(value.get("candidates"), list):
        return _gemini(value)
    if isinstance(output := value.get("output"), Mapping) and "message" in output:
        return _bedrock(value, output["message"])
    if "generations" in value or langchain.fields_of(value) != value or _wraps_message(value):
        return _langchain(value)
    if _is_message(value) and "choices" not in value and value.get("type") != "message":
        return _message(value)
    if value.get("type") in _ITEMS and "usage" not in value and "model" not in value:
        return Answer(output=_told(output_messages([value], None)))
    return _client(value) if _is_response(value) else _wrapped(value)


def _is_response(value: Mapping[str, Any]) -> bool:
    return not value.keys().isdisjoint({"choices", "content", "object", "data", "usage"})


def _wrapped(value: Mapping[str, Any]) -> Answer:
    """
    Read an answer that a program put under a name of its own.
    """
    for name in _GIVEN:
        if inner := value.get(name):
            answer = _answer(
                inner[-1:] if name == "messages" and isinstance(inner, list) else inner
            )
            return replace(
                answer,
                model=answer.model or lenient.text(value, _MODEL),
                finish_reasons=answer.finish_reasons or lenient.texts(value, _STOP),
                usage=next((usage_in(value[n]) for n in _USAGE if value.get(n)), answer.usage),
            )
    return Answer()


def _client(value: Mapping[str, Any]) -> Answer:
    """
    Read a response object of OpenAI's or Anthropic's client, and what resembles one.
    """
    told = read_response(value)
    usage = next((usage_in(value[name]) for name in _USAGE if value.get(name)), told.usage)
    return Answer(
        output=_told(told.output),
        model=told.model or lenient.text(value, _MODEL),
        response_id=provider_id(told.response_id),
        finish_reasons=told.finish_reasons or lenient.texts(value, _STOP),
        usage=usage,
    )


def _message(value: Mapping[str, Any]) -> Answer:
    found = langchain.message(value, "assistant")
    return Answer(
        output=(found,) if found else (),
        finish_reasons=lenient.texts(value, _STOP),
        usage=next((usage_in(value[name]) for name in _USAGE if value.get(name)), Usage()),
    )


def _langchain(value: Mapping[str, Any]) -> Answer:
    usage = Usage()
    for told in langchain.usage_objects(value):
        usage = completed(usage, usage_in(told))
    found = (langchain.message(data, "assistant") for data in langchain.answers(value))
    return Answer(
        output=tuple(message for message in found if message is not None),
        model=langchain.model(value),
        response_id=provider_id(langchain.response_id(value)),
        finish_reasons=langchain.finish_reasons(value),
        usage=usage,
    )


def _gemini(value: Mapping[str, Any]) -> Answer:
    candidates = lenient.dicts(value["candidates"])
    reasons = tuple(
        reason for each in candidates if (reason := lenient.text(each, ("finish_reason", *_STOP)))
    )
    return Answer(
        output=tuple(m for each in candidates if (m := _content_message(each.get("content")))),
        model=lenient.text(value, _MODEL),
        response_id=provider_id(lenient.text(value, ("response_id", "responseId"))),
        finish_reasons=reasons,
        usage=usage_in(lenient.value(value, _USAGE)),
    )


def _bedrock(value: Mapping[str, Any], message: Any) -> Answer:
    found = langchain.message(message, "assistant")
    return Answer(
        output=(found,) if found else (),
        finish_reasons=lenient.texts(value, _STOP),
        usage=usage_in(value.get("usage")),
    )


def _listed(value: list[Any]) -> Answer:
    """
    Read a list: the chunks of a stream, texts, or messages.
    """
    chunks = lenient.dicts(value)
    if chunks and all(isinstance(chunk.get("object"), str) for chunk in chunks):
        stream = StreamReader()
        for chunk in chunks:
            stream.add(chunk)
        told = stream.response()
        return Answer(
            output=_told(told.output),
            model=told.model,
            response_id=provider_id(told.response_id),
            finish_reasons=told.finish_reasons,
            usage=told.usage,
        )
    if value and all(isinstance(item, str) for item in value):
        return _answer("".join(value))
    if any(chunk.get("type") in _ITEMS for chunk in chunks):
        return Answer(output=_told(output_messages(list(chunks), None)))
    parts = [_answer(chunk) for chunk in chunks if _is_message(chunk) or "candidates" in chunk]
    if parts:
        last = parts[-1]
        return replace(last, output=tuple(m for part in parts for m in part.output))
    return Answer(output=_told(messages_of(value, "assistant")))


def _sent(value: Any) -> Messages:
    if isinstance(value, str):
        return (text_message("user", value),) if value else ()
    if isinstance(value, Mapping):
        return _sent([value])
    if not isinstance(value, list) or not value:
        return ()
    if any("parts" in item for item in value if isinstance(item, Mapping)):
        return tuple(m for item in value if (m := _content_message(item, "user")))
    if any(_is_item(item) for item in value):
        return _told(messages_of(value, "user"))
    return langchain.messages(value, "user")


def _content_message(content: Any, role: str = "assistant") -> Message | None:
    """
    Read Gemini's content, whose parts are told apart by their keys.
    """
    if isinstance(content, str):
        return text_message(role, content) if content else None
    if not isinstance(content, Mapping):
        return None
    parts = content.get("parts")
    read = [_gemini_part(part) for part in (parts if isinstance(parts, list) else [parts])]
    found = role_of(content.get("role"), role)
    if read and all(part.get("type") == "tool_call_response" for part in read):
        found = "tool"
    return message_of(found, read)


def _gemini_part(part: Any) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        return {"type": "text", "content": lenient.as_content(part) or ""}
    call = part.get("function_call") or part.get("functionCall")
    if isinstance(call, Mapping):
        return tool_call(call.get("id"), call.get("name"), call.get("args"))
    result = part.get("function_response") or part.get("functionResponse")
    if isinstance(result, Mapping):
        told = {"id": result.get("id"), "response": result.get("response")}
        return {"type": "tool_call_response", **told}
    if isinstance(text := part.get("text"), str):
        return {"type": "reasoning" if part.get("thought") else "text", "content": text}
    return {"type": "generic", **part}


def _is_message(value: Mapping[str, Any]) -> bool:
    if isinstance(value.get("tool_calls"), list):
        return True
    return isinstance(value.get("role"), str) and ("content" in value or "parts" in value)


def _wraps_message(value: Mapping[str, Any]) -> bool:
    """
    Tell LangChain's message by its type, also as the one output of a chain.
    """
    inner = value.get("output", value)
    kind = inner.get("type") if isinstance(inner, Mapping) else None
    return isinstance(kind, str) and kind in ("ai", "AIMessageChunk", "constructor")


def _is_item(item: Any) -> bool:
    """
    Tell an item of the Responses API that is no message, or a part of a message.
    """
    return isinstance(item, Mapping) and "role" not in item and item.get("type") in (
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "reasoning",
        "text",
        "input_text",
        "image_url",
    )  # fmt: skip


def _content(value: Any) -> Any:
    """
    Take the parts out of a content object.
    """
    if isinstance(value, Mapping):
        return value.get("parts") or value.get("content") or value.get("text")
    return value


def _told(found: Iterable[Mapping[str, Any]]) -> Messages:
    return tuple(
        Message(role_of(each.get("role"), "assistant"), lenient.to_json(each)) for each in found
    )
