"""
What any span of any instrumentation may say: who, in which conversation, how it ended.

The names of `bridge.session(...)` are here, because they are put on every span.
"""

from dataclasses import dataclass
from typing import Any

from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects.fact_events import read_events
from otel_bridge.dialects.failures import read_failure
from otel_bridge.dialects.lenient import Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """
    The attribute names of a dialect, best first.
    """

    session: Names = ("gen_ai.conversation.id", "session.id")
    user: Names = ("user.id", "enduser.id", "gen_ai.request.user", "llm.user")
    tenant: Names = ("otel_bridge.tenant.id",)
    agent: Names = ("gen_ai.agent.name",)
    tags: Names = ("otel_bridge.tags",)
    metadata: Names = ("otel_bridge.metadata",)
    iteration: Names = ("otel_bridge.iteration",)


COMMON = Marks()


def read_marks(span: SpanRecord, names: Marks = COMMON) -> dict[str, Any]:
    """
    Read the fields of a `Reading` that every role has.

    Returns:
        The fields as keyword arguments for `Reading`, to be changed where a dialect
        knows better.
    """
    attributes = span.attributes
    failure = read_failure(span)
    return {
        "agent_name": lenient.text(attributes, names.agent),
        "session_id": lenient.text(attributes, names.session),
        "user_id": lenient.text(attributes, names.user),
        "tenant_id": lenient.text(attributes, names.tenant),
        "tags": lenient.texts(attributes, names.tags),
        "metadata": lenient.json_map(attributes, names.metadata),
        "iteration": lenient.count(attributes, names.iteration),
        "failed": failure.failed,
        "error_type": failure.type,
        "error_message": failure.message,
        "facts": read_events(span.events) if span.events else (),
    }
