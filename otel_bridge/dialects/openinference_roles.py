"""
What part a span of OpenInference plays, and which agent acts in it.

Some instrumentations give the wrong kind. LangChain's takes whatever has "agent" in its
name for an agent, and a graph of another name for a chain; LlamaIndex's takes an agent for
a workflow, which is a chain; that of OpenAI's agents takes the workflow that orders agents
for one.
"""

import re
from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Role
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import langchain_objects, lenient
from otel_bridge.dialects import openinference_tools as tools
from otel_bridge.dialects.span_reading import after

ROLES: Mapping[str, Role] = {
    "LLM": Role.LLM,
    "EMBEDDING": Role.LLM,
    "TOOL": Role.TOOL,
    "AGENT": Role.RUN,
}

AGENT_NAME = ("agent.name", "gen_ai.agent.name")
CHAINS = "langchain"
_NODE_NAME = ("graph.node.name",)
_NODE_ID = ("graph.node.id",)
_ORDERING = "openai_agents"
WORKFLOWS = "llama_index"
_GRAPH = "LangGraph"
_MADE_UP_ID = re.compile(r"[0-9a-f]{16}(?:[0-9a-f]{16})?")
_METHOD = re.compile(
    r"\.(?:a?run|a?continue_run|run_stream|_execute_core|a?chat|a?invoke|kickoff"
    r"|on_messages(?:_stream)?)$"
)
"""
How the names of spans of agents end that are the agent's name and a method.
"""
_WORKFLOW_RUN = re.compile(r"\w*Agent(?:Workflow)?\.run")


def role_of(span: SpanRecord, kind: str, scope: str, metadata: Mapping[str, Any]) -> Role:
    """
    Name the part of a span.

    Args:
        kind: Its kind, in capitals.
        scope: Its scope's name, with underscores.
        metadata: What LangChain says of it.
    """
    role = ROLES.get(kind, Role.OTHER)
    if role is Role.TOOL:
        return role if tools.is_tool(span) else Role.OTHER
    if role is Role.LLM:
        return role
    if CHAINS in scope:
        return _chain_role(span, role, metadata)
    if _ORDERING in scope and role is Role.RUN:
        named = any(name in span.attributes for name in (*AGENT_NAME, *_NODE_ID))
        return role if named else Role.OTHER
    if WORKFLOWS in scope and _WORKFLOW_RUN.fullmatch(span.name):
        return Role.RUN
    return role


def _chain_role(span: SpanRecord, role: Role, metadata: Mapping[str, Any]) -> Role:
    """
    Name the part of a span of LangChain.

    In a graph a node of the kind AGENT is a step of the run whose graph it belongs to, and
    so is what only chooses the next node, which answers with no state.
    """
    if "tool.name" in span.attributes:
        return Role.TOOL
    if any(name.startswith("llm.token_count.") for name in span.attributes):
        return Role.LLM
    if langchain_objects.is_run(span.name, metadata, root=span.name == _GRAPH):
        return Role.RUN
    node = lenient.text(metadata, ("langgraph_node",))
    if node is None or role is not Role.RUN:
        return role
    output = span.attributes.get("output.value")
    is_step = node == span.name or not (
        output is None or isinstance(lenient.structure(output), dict)
    )
    return Role.OTHER if is_step else role


def agent_name(span: SpanRecord, kind: str, scope: str) -> str | None:
    """
    Name an agent after its node in a graph or after its span.

    The workflows of LlamaIndex are named after a class, not after the agent, and show
    no more than the beginning of how Python shows their objects.
    """
    node = lenient.text(span.attributes, _NODE_NAME) or lenient.text(span.attributes, _NODE_ID)
    if node and not _MADE_UP_ID.fullmatch(node):
        return node
    if WORKFLOWS in scope and kind != "AGENT":
        return None
    named = after(span.name, "agent_run [", "invoke_agent ") or span.name
    return _METHOD.sub("", named.removesuffix("]")) or None
