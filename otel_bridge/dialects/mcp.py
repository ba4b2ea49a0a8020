"""
Spans of the Model Context Protocol: a client's call of a tool is an execution, its
server's span tells the same once more from the other side.
"""

from otel_bridge_storage.readings import Role
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import lenient

METHOD = "mcp.method.name"

_CALL = "tools/call"


def role_of(span: SpanRecord) -> Role | None:
    """
    Name the part of a span of the protocol, of its client or its server; None for any
    other span.
    """
    method = lenient.text(span.attributes, (METHOD,))
    if method is None:
        return None
    return Role.TOOL if method == _CALL else Role.OTHER
