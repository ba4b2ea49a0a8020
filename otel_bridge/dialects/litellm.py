"""
LiteLLM's own spans: of its library and of its proxy.

`litellm_request` tells the call. The span inside it, `raw_gen_ai_request`, carries what
went to the provider and what came back, each key as an attribute; it is the same call,
and the only witness where LiteLLM found a span of the program around it and wrote on
that one what it told of several calls.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import CallReading, LogReading, Reading, Role
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import lenient, python_literals
from otel_bridge.dialects import litellm_messages as messages
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.genai_messages import DETAILS_EVENT
from otel_bridge.dialects.logfire_messages import converted
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.response_ids import provider_id
from otel_bridge.dialects.scopes import CLIENT
from otel_bridge.dialects.span_reading import CALLS, ROLES, operation_of, read_as, told_by_log
from otel_bridge.dialects.tokens import normal
from otel_bridge.dialects.usage_spellings import completed, usage_in
from otel_bridge.dialects.vocabulary import GENAI, CallNames, Vocabulary

SCOPE = "litellm"

VOCABULARY = GENAI.after(
    Vocabulary(
        marks=Marks(
            user=(
                *("llm.user", "gen_ai.request.user", "litellm.end_user.id", "user.id"),
                "metadata.user_api_key_end_user_id",
            ),
        ),
        call=CallNames(
            finish_reasons=(
                *("gen_ai.response.finish_reasons", "gen_ai.completion.0.finish_reason"),
            ),
            cost=("gen_ai.cost.total_cost", "litellm.cost.total"),
        ),
    )
)
_REQUESTS = {
    "completion": "chat",
    "responses": "chat",
    "anthropic_messages": "chat",
    "embedding": "embeddings",
    "generate_content_stream": "generate_content",
}
_KINDS = ("gen_ai.operation.name", "llm.request.type", "litellm.call_type")
_CALL_ID = "litellm.call_id"
_USAGE = "metadata.usage_object"
_RAW = "raw_gen_ai_request"
_RAW_KEY = re.compile(r"llm\.([^.]+)\.(?:usage|choices|content|stringified_raw_response)")
_UNKNOWN = frozenset({"", "unknown"})


class LiteLLM(Dialect):
    """
    The spans of the scope `litellm`, and spans on which it wrote.
    """

    name = "litellm"
    attributes = (_CALL_ID, _USAGE)
    decided_by = ()

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its one scope, or by attributes that only LiteLLM writes.
        """
        return span.scope.name == SCOPE or super().detects(span)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by what it says was called.
        """
        if (provider := _raw_provider(span)) is not None:
            reading = read_as(self.name, span, VOCABULARY, role=Role.LLM)
            call = reading.call and _raw_call(span, provider, reading.call)
            return replace(reading, call=call)
        requested = _requested(span.attributes)
        role = Role.LLM if requested else ROLES.get(operation_of(span), Role.OTHER)
        reading = read_as(
            self.name,
            span,
            VOCABULARY,
            role=role,
            operation=requested,
            messages=messages.of_span,
        )
        if reading.call is None:
            return reading
        reading = replace(reading, call=_call(span.attributes, reading.call, bool(reading.failed)))
        return told_by_log(reading) if span.name == DETAILS_EVENT else reading

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Read the messages that are sent as logs with their own names of events.
        """
        return messages.of_log(log) if log.scope.name == SCOPE else None


def _requested(attributes: Mapping[str, Any]) -> str | None:
    """
    Name the kind of request to a model; LiteLLM tells the name of its own function.
    """
    for name in _KINDS:
        told = lenient.text(attributes, (name,)) or ""
        kind = told if told in CALLS else told.removeprefix("a")
        found = _REQUESTS.get(told) or _REQUESTS.get(kind) or (kind if kind in CALLS else None)
        if found:
            return found
    return None


def _call(attributes: Mapping[str, Any], call: CallReading, failed: bool) -> CallReading:
    usage = completed(call.usage, usage_in(python_literals.structure(attributes.get(_USAGE))))
    cost = lenient.number(lenient.json_map(attributes, ("hidden_params",)), ("response_cost",))
    invented = call.operation == "embeddings" or call.response_id == attributes.get(_CALL_ID)
    return replace(
        call,
        provider=None if (call.provider or "") in _UNKNOWN else call.provider,
        response_id=None if invented else call.response_id,
        usage=normal(usage, zeros_count=failed),
        emitted_cost_usd=call.emitted_cost_usd or cost or None,
    )


def _raw_provider(span: SpanRecord) -> str | None:
    """
    Name the provider whose raw request and answer a span carries, if it does.
    """
    if span.scope.name != SCOPE or "llm.request.type" in span.attributes:
        return None
    found = (match[1] for name in span.attributes if (match := _RAW_KEY.fullmatch(name)))
    return next(found, "" if span.name == _RAW else None)


def _raw_call(span: SpanRecord, provider: str, call: CallReading) -> CallReading:
    """
    Read the keys of the request, over which those of the answer were written.

    They are the provider's own words, and so believed first.
    """
    begin = f"llm.{provider}."
    raw = {k.removeprefix(begin): v for k, v in span.attributes.items() if k.startswith(begin)}
    answered = "id" in raw
    model = lenient.text(raw, ("model",))
    choices = python_literals.structure(raw.get("choices"))
    chosen = [c.get("message", c.get("text")) for c in lenient.dicts(choices or [])]
    return replace(
        call,
        operation=_raw_operation(raw, choices),
        precedence=CLIENT,
        provider=provider.lower() or None,
        request_model=None if answered else model,
        response_model=model if answered else None,
        response_id=provider_id(raw.get("id")),
        usage=normal(usage_in(python_literals.structure(raw.get("usage"))), zeros_count=False),
        input=converted(python_literals.structure(raw.get("messages")), "user"),
        output=converted([message for message in chosen if message], "assistant"),
    )


def _raw_operation(raw: Mapping[str, Any], choices: Any) -> str:
    if "input" in raw and "data" in raw:
        return "embeddings"
    texts = ["text" in choice for choice in lenient.dicts(choices or [])]
    return "text_completion" if texts and all(texts) else "chat"
