"""
AutoGen: spans of agents and of tools by the conventions, and none of requests to models.

Its runtime's spans carry messages from agent to agent, each in a trace of its own, and
are no part of a run by themselves.
"""

from otel_bridge_storage.readings import Reading
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.span_reading import read_as


class AutoGen(Dialect):
    """
    The spans of the scopes `autogen-core` and `autogen SingleThreadedAgentRuntime`.
    """

    name = "autogen"
    scopes = ("autogen-core", "autogen ", "autogen_")
    decided_by = ("gen_ai.system",)

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its scope or by the system that it names.
        """
        return super().detects(span) or span.attributes.get("gen_ai.system") == "autogen"

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation; one of the runtime has none.
        """
        return read_as(self.name, span)
