"""
Requests to models in OpenInference: models, ids and reasons, some only in the response.

`llm.model_name` is the model that answered in some instrumentations, and the one that was
asked in others, which know no other.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import CallReading, Usage
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import genai_messages, langchain_objects, lenient, python_literals
from otel_bridge.dialects import openinference_messages as messages
from otel_bridge.dialects.cached_input import including_cache
from otel_bridge.dialects.filling import filled
from otel_bridge.dialects.response_ids import id_in_output, langchain_call_id, provider_id
from otel_bridge.dialects.scopes import precedence
from otel_bridge.dialects.span_reading import read_call
from otel_bridge.dialects.tokens import TokenNames, read_usage
from otel_bridge.dialects.usage_spellings import completed, usage_in
from otel_bridge.dialects.vocabulary import GENAI

TOKENS = GENAI.tokens.after(
    TokenNames(
        input=("llm.token_count.prompt",),
        output=("llm.token_count.completion",),
        cache_read=(
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
        ),
        cache_write=("llm.token_count.prompt_details.cache_write",),
        reasoning=("llm.token_count.completion_details.reasoning",),
    )
)

OWN_SCOPES = ("openinference.", "@arizeai/openinference")

_TOTAL = ("llm.token_count.total", "gen_ai.usage.total_tokens")
_PROVIDER = ("llm.provider", "llm.system")
_REQUEST_MODEL = ("llm.request.model_name",)
_RESPONSE_MODEL = ("llm.response.model_name",)
_MODEL = ("llm.model_name", "embedding.model_name")
_MODEL_KEYS = ("model", "model_name", "model_id", "modelId")
_PARAMETERS = ("llm.invocation_parameters", "embedding.invocation_parameters")
_ANSWERED = ("model", "model_version", "modelVersion")
_CREATED = "created_at"
_STOPPED = ("finish_reason", "stop_reason", "stopReason", "finishReason")
_FINISH_REASON = ("llm.finish_reason",)
_COST = ("llm.cost.total",)
_JSON = "application/json"
_ASKED_FOR = (
    "agno",
    "autogen",
    "bedrock",
    "beeai",
    "dspy",
    "gcp.vertex.agent",
    "google_adk",
    "instructor",
    "litellm",
    "llama_index",
    "openllmetry",
    "openlit",
    "pydantic_ai",
    "smolagents",
    "strands",
)
"""
The instrumentations whose `llm.model_name` is the model that was asked for.
"""
_AGENTS, _GENERATION = "openai_agents", "generation"
"""
Where, of two kinds of spans of one instrumentation, one tells the model asked for.
"""
_OF_A_RESPONSE = frozenset(
    {"choices", "content", "data", "model", "object", "output", "raw", "usage", "usage_metadata"}
)
"""
What tells a provider's response from an answer that is itself a JSON object.
"""


def read(span: SpanRecord, kind: str, *, failed: bool) -> CallReading:
    """
    Read a span of the kind LLM or EMBEDDING.
    """
    attributes = span.attributes
    operation = _operation(attributes, kind)
    beside = read_call(
        span, operation=operation, exchange=genai_messages.of_span(span), failed=failed
    )
    output = _output(attributes)
    told = lenient.texts(attributes, _FINISH_REASON) or beside.finish_reasons
    reasons = told or _reasons(output)
    received = messages.output_messages(attributes, reasons[0] if reasons else None)
    answered = bool(received or beside.output or reasons)
    usage = read_usage(attributes, TOKENS, zeros_count=failed and not answered)
    usage = including_cache(usage, lenient.count(attributes, _TOTAL))
    requested, responded = _models(span, output)
    call = CallReading(
        operation=operation,
        provider=(lenient.text(attributes, _PROVIDER) or "").lower() or None,
        request_model=requested,
        response_model=responded,
        response_id=_response_id(output) or beside.response_id,
        call_id=langchain_call_id(langchain_objects.message_id(output)),
        usage=_with_parts(usage, output),
        emitted_cost_usd=lenient.number(attributes, _COST) or None,
        finish_reasons=reasons,
        precedence=precedence(span.scope.name),
        input=messages.input_messages(attributes),
        output=received,
    )
    if requested is None and _derived(span, beside.request_model):
        beside = replace(beside, request_model=None)
    return filled(call, beside)


def _with_parts(usage: Usage, output: Mapping[str, Any]) -> Usage:
    """
    Take the parts of the counts out of the response where the span has the counts alone.
    """
    beside = usage_in(output.get("usage"))
    counts = (usage.input_tokens, usage.output_tokens)
    same = None not in counts and counts == (beside.input_tokens, beside.output_tokens)
    return completed(usage, beside) if same else usage


def _operation(attributes: Mapping[str, Any], kind: str) -> str:
    if kind == "EMBEDDING":
        return "embeddings"
    prompts = any(name.startswith(("llm.prompts.", "llm.choices.")) for name in attributes)
    told = any(name.startswith("llm.input_messages.") for name in attributes)
    return "text_completion" if prompts and not told else "chat"


def _output(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Take the response out of the output, if that is one and not the mere answer.
    """
    output = lenient.structure(attributes.get("output.value"))
    if not isinstance(output, dict) or attributes.get("output.mime_type") != _JSON:
        return {}
    raw = lenient.structure(output.get("raw")) or python_literals.fields_of(output.get("raw"))
    if isinstance(raw, dict) and raw:
        return raw
    return output if output.keys() & {*_OF_A_RESPONSE, "generations", "llm_output"} else {}


def _models(span: SpanRecord, output: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """
    Name the model that was asked for and the one that answered.
    """
    attributes = span.attributes
    scope = span.scope.name.replace("-", "_")
    named = lenient.text(attributes, _MODEL)
    told = lenient.text(attributes, _REQUEST_MODEL) or _parameter(attributes)
    if any(word in scope for word in _ASKED_FOR):
        asked: str | None = told or named
        named = None
    elif _AGENTS in scope and named and span.name == _GENERATION:
        asked, named = told or named, None
    elif "langchain" in scope:
        metadata = lenient.json_map(attributes, ("metadata",))
        asked = told or lenient.text(metadata, ("ls_model_name",))
        named = None if named == asked else named
    else:
        asked = told
    responded = lenient.text(attributes, _RESPONSE_MODEL) or lenient.text(output, _ANSWERED)
    return asked, responded or langchain_objects.model(output) or named


def _parameter(attributes: Mapping[str, Any]) -> str | None:
    """
    Find the model among the parameters of a request; where they are those that a
    response repeats, as the instrumentation of OpenAI's agents tells them, it is the other.
    """
    for name in (*_PARAMETERS, "input.value"):
        told = lenient.json_map(attributes, (name,))
        if _CREATED not in told and (found := lenient.text(told, _MODEL_KEYS)):
            return found
    return None


def _derived(span: SpanRecord, model: str | None) -> bool:
    """
    Tell whether the conventions' request model is only a copy of `llm.model_name`, as
    OpenInference writes it beside its own names.
    """
    own = span.scope.name.startswith(OWN_SCOPES)
    return own and model == lenient.text(span.attributes, _MODEL)


def _response_id(output: Mapping[str, Any]) -> str | None:
    told = lenient.text(output, ("response_id", "responseId"))
    return id_in_output(output) or provider_id(told or langchain_objects.response_id(output))


def _reasons(output: Mapping[str, Any]) -> tuple[str, ...]:
    listed = output.get("choices")
    choices = lenient.dicts(listed) if isinstance(listed, list) else []
    told = [reason for c in (*choices, output) if (reason := lenient.text(c, _STOPPED))]
    return tuple(told) or langchain_objects.finish_reasons(output)
