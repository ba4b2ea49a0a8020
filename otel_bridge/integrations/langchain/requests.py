"""
What a request to a model says before it is sent: model, provider, parameters, tools.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge.responses.access import get, items, number, text

_PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
    "ibm": "ibm.watsonx.ai",
}
"""
LangChain's names of providers that the conventions call otherwise.
"""
_MODELS = ("model", "model_name", "model_id", "azure_deployment", "deployment_name")
_MOST_TOKENS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def read_request(parameters: object, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """
    Read what is known before the call, named as the fields of `LLMCallStarted`.

    Args:
        parameters: `invocation_params`, in the provider's own words.
        metadata: That of the callback, with what LangChain tells of every model.
    """
    model = next((found for name in _MODELS if (found := text(parameters, name))), None)
    most = next((most for name in _MOST_TOKENS if (most := _whole(parameters, name))), None)
    temperature = number(parameters, "temperature")
    stream = get(parameters, "stream")
    return {
        "model": model or text(metadata, "ls_model_name"),
        "provider": provider_of(metadata),
        "tools": items(parameters, "tools") or items(parameters, "functions") or None,
        "temperature": number(metadata, "ls_temperature") if temperature is None else temperature,
        "max_tokens": most or _whole(metadata, "ls_max_tokens"),
        "stream": stream if isinstance(stream, bool) else None,
    }


def provider_of(metadata: Mapping[str, Any]) -> str | None:
    """
    Name the provider as the conventions do.
    """
    told = (text(metadata, "ls_provider") or "").lower()
    return _PROVIDERS.get(told, told) or None


def _whole(told: object, name: str) -> int | None:
    found = number(told, name)
    return int(found) if found is not None and found.is_integer() else None
