"""
Who speaks in a callback: the lead agent, a sub-agent, a middleware or a tool.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from otel_bridge.responses.access import text

LEAD = "lead_agent"
UNNAMED_GRAPH = "LangGraph"
"""
What LangGraph calls a graph without a name.
"""

_MIDDLEWARE_NODE = re.compile(r"(.+)\.(?:before|after)_(?:agent|model)")
_SUBAGENT, _MIDDLEWARE = "subagent:", "middleware:"
_INTERNAL_TAGS = ("seq:step", "graph:step", "map:key", "langsmith:", _SUBAGENT, _MIDDLEWARE)
_INTERNAL_KEYS = ("langgraph_", "ls_", "lc_", "checkpoint_", "__")
_SESSIONS = ("thread_id", "session_id", "conversation_id")
_USER = "user_id"


def subagent_tag(tags: Iterable[str]) -> str | None:
    """
    Find the sub-agent that a tag `subagent:NAME` names.
    """
    return _tagged(tags, _SUBAGENT)


def agent_of(metadata: Mapping[str, Any]) -> str | None:
    """
    Find the name that `create_agent(name=...)` gave.
    """
    return text(metadata, "lc_agent_name")


def node_of(metadata: Mapping[str, Any]) -> str | None:
    """
    Find the node of the graph.
    """
    return text(metadata, "langgraph_node")


def namespace_of(metadata: Mapping[str, Any]) -> str:
    """
    Find the task of a graph that something runs in: one for each graph around it.
    """
    return text(metadata, "langgraph_checkpoint_ns") or ""


def middleware_of(tags: Iterable[str], metadata: Mapping[str, Any]) -> str | None:
    """
    Find the middleware that a call to a model serves, if it serves one.

    Told by a tag `middleware:NAME`, by what LangChain's own middleware says of its calls,
    or by the node of a middleware's hook.
    """
    hook = _MIDDLEWARE_NODE.fullmatch(node_of(metadata) or "")
    source = text(metadata, "lc_source")
    return _tagged(tags, _MIDDLEWARE) or source or (hook[1] if hook else None)


def session_of(metadata: Mapping[str, Any]) -> str | None:
    """
    Find the conversation.
    """
    return next((found for key in _SESSIONS if (found := _id(metadata.get(key)))), None)


def user_of(metadata: Mapping[str, Any]) -> str | None:
    """
    Find the user.
    """
    return _id(metadata.get(_USER))


def own_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """
    Leave out the tags that the framework sets.
    """
    return tuple(tag for tag in tags if not tag.startswith(_INTERNAL_TAGS))


def own_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """
    Leave out what the framework sets, and what a run has a field for.
    """
    fields = (*_SESSIONS, _USER)
    return {
        key: value
        for key, value in metadata.items()
        if not key.startswith(_INTERNAL_KEYS) and key not in fields
    }


def _tagged(tags: Iterable[str], prefix: str) -> str | None:
    found = (tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix))
    return next(found, None) or None


def _id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None
