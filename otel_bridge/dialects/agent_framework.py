"""
Microsoft Agent Framework: the conventions, and messages as the older log events beside.
"""

from dataclasses import replace

from otel_bridge_storage.readings import Reading
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import genai_messages, mcp
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.span_reading import read_as

_FRAMEWORK = "microsoft.agent_framework"
_RESPONSE = "resp_"


class AgentFramework(Dialect):
    """
    The spans of the scope `agent_framework`, and those of its .NET sibling.

    Its `workflow.run` and `executor.process` spans order agents and are no runs.
    """

    name = "agent-framework"
    scopes = ("agent_framework", "Experimental.Microsoft.Agents.AI")

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation; a request's framework is not its provider.
        """
        reading = _without_response(read_as(self.name, span, role=mcp.role_of(span)))
        call = reading.call
        if call is None:
            return reading
        told = call.finish_reasons or genai_messages.finish_reasons(call.output)
        provider = None if call.provider == _FRAMEWORK else call.provider
        return replace(reading, call=replace(call, finish_reasons=told, provider=provider))


def _without_response(reading: Reading) -> Reading:
    """
    Drop a conversation that is only the response to go on from, a new one in each call.
    """
    if (reading.session_id or "").startswith(_RESPONSE):
        return replace(reading, session_id=None)
    return reading
