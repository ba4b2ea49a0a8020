"""
Providers: the names that telemetry gives them, and those of the price list.
"""

from functools import lru_cache

_PRICE_LIST_IDS = {
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_ai": "azure",
    "azure_ai_inference": "azure",
    "azure_openai": "azure",
    "azureopenai": "azure",
    "anthropic_bedrock": "aws",
    "aws.bedrock": "aws",
    "aws_bedrock": "aws",
    "bedrock": "aws",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "google_anthropic_vertex": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "grok": "x-ai",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "together": "together",
    "together_ai": "together",
    "togetherai": "together",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "z_ai": "zai",
    "zhipu": "zhipuai",
}

_LOCAL = frozenset(
    {
        "docker_model_runner",
        "fake",
        "gpt4all",
        "hosted_vllm",
        "llama.cpp",
        "llama_cpp",
        "llamafile",
        "llamacpp",
        "lm_studio",
        "lmstudio",
        "local",
        "localai",
        "mlx",
        "mock",
        "ollama",
        "ollama_chat",
        "oobabooga",
        "sglang",
        "test",
        "transformers",
        "vllm",
        "xinference",
    }
)

# They serve the open models of others, at prices of their own.
_HOSTS = frozenset(
    {
        "baseten",
        "cerebras",
        "cloudflare",
        "databricks",
        "deepinfra",
        "fireworks",
        "groq",
        "huggingface",
        "hyperbolic",
        "modal",
        "nebius",
        "novita",
        "nvidia",
        "nvidia_nim",
        "ovhcloud",
        "replicate",
        "sambanova",
        "together",
    }
)


def price_list_id(name: str | None) -> str | None:
    """
    Name a provider as the price list does; names that it may know itself stay as they are.

    What follows a dot is taken for the provider's API, as in `groq.chat`, unless the whole
    is a name.
    """
    if not name or not name.strip():
        return None
    plain = name.strip().lower()
    key = plain.replace("-", "_")
    if key in _PRICE_LIST_IDS:
        return _PRICE_LIST_IDS[key]
    head = plain.partition(".")[0]
    return _PRICE_LIST_IDS.get(_head(key), head or plain)


@lru_cache(maxsize=1000)
def is_local(name: str | None) -> bool:
    """
    Tell whether a provider is a program on one's own machine, which nobody bills.
    """
    key = (name or "").strip().lower().replace("-", "_")
    return key in _LOCAL or _head(key) in _LOCAL


def is_host(name: str | None) -> bool:
    """
    Tell whether a provider serves the models of others at prices of its own.

    What the maker asks for a model says nothing then.
    """
    return (price_list_id(name) or "").replace("-", "_") in _HOSTS


def _head(key: str) -> str:
    return key.partition(".")[0]
