"""
Which copy of a call to believe, by the instrumentation scope that told it.
"""

from functools import lru_cache

PROVIDER_SDK, CLIENT, FRAMEWORK = 0, 1, 2

_PROVIDER_SDK_SCOPES = ("com.anthropic.sdk.", "com.openai.sdk.")

_FRAMEWORK_WORDS = (
    "agent_framework",
    "agents",
    "agno",
    "autogen",
    "beeai",
    "crewai",
    "dspy",
    "gcp.vertex.agent",
    "google_adk",
    "guardrails",
    "haystack",
    "langchain",
    "langgraph",
    "langsmith",
    "litellm",
    "llama_index",
    "llamaindex",
    "mcp",
    "pydantic_ai",
    "semantic_kernel",
    "smolagents",
    "strands",
)

_FRAMEWORK_SCOPES = ("ai", "gen_ai")
"""
The scopes of the Vercel AI SDK.
"""


@lru_cache(maxsize=1000)
def precedence(scope: str) -> int:
    """
    Rank a scope: 0 the provider's own SDK, 1 an instrumentation of the client, 2 a framework.
    """
    name = scope.lower().replace("-", "_")
    if name.startswith(_PROVIDER_SDK_SCOPES):
        return PROVIDER_SDK
    if name in _FRAMEWORK_SCOPES or any(word in name for word in _FRAMEWORK_WORDS):
        return FRAMEWORK
    return CLIENT
