"""
Providers: the names that telemetry gives them, and those of the price list.
"""

_PRICE_LIST_IDS = {
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "azureopenai": "azure",
    "aws.bedrock": "aws",
    "aws_bedrock": "aws",
    "bedrock": "aws",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "together": "together",
    "together_ai": "together",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "z_ai": "zai",
}

_LOCAL = frozenset(
    {
        "fake",
        "gpt4all",
        "llama.cpp",
        "llama_cpp",
        "llamacpp",
        "lm_studio",
        "lmstudio",
        "local",
        "localai",
        "mlx",
        "mock",
        "ollama",
        "sglang",
        "test",
        "transformers",
        "vllm",
    }
)


def price_list_id(name: str | None) -> str | None:
    """
    Name a provider as the price list does; names that it may know itself stay as they are.
    """
    if not name or not name.strip():
        return None
    plain = name.strip().lower()
    return _PRICE_LIST_IDS.get(plain.replace("-", "_"), plain)


def is_local(name: str | None) -> bool:
    """
    Tell whether a provider is a program on one's own machine, which nobody bills.
    """
    return bool(name) and str(name).strip().lower().replace("-", "_") in _LOCAL
