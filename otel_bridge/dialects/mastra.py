"""
Mastra's spans, as its OpenTelemetry exporter writes them from version 1 on.

They follow the GenAI conventions but for the program's own metadata and what a run, in whole,
was asked and answered.
"""

from dataclasses import replace

from otel_bridge_storage.readings import Reading
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.recorded_values import conversation, plain
from otel_bridge.dialects.span_reading import read_as
from otel_bridge.dialects.vocabulary import GENAI, Vocabulary

_METADATA = "mastra.metadata."
_SESSION = ("sessionId", "session_id", "threadId", "thread_id", "conversationId")
_USER = ("userId", "user_id", "resourceId")
_ASKED, _ANSWERED = ("mastra.agent_run.input",), ("mastra.agent_run.output",)

VOCABULARY = GENAI.after(
    Vocabulary(
        marks=Marks(
            session=(
                "gen_ai.conversation.id",
                "session.id",
                *(f"{_METADATA}{name}" for name in _SESSION),
            ),
            user=("user.id", "enduser.id", *(f"{_METADATA}{name}" for name in _USER)),
        )
    )
)


class Mastra(Dialect):
    """
    Spans with a `mastra.span.type`.
    """

    name = "mastra"
    scopes = ("@mastra/otel-exporter",)
    attributes = ("mastra.span.type",)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by the conventions, and what its run was asked and answered.
        """
        reading = read_as(self.name, span, VOCABULARY)
        if reading.run is None:
            return reading
        asked = conversation(lenient.value(span.attributes, _ASKED), "user")
        given = plain(lenient.value(span.attributes, _ANSWERED))
        text = given.get("text") if isinstance(given, dict) else given
        run = replace(
            reading.run,
            input=asked or reading.run.input,
            output=reading.run.output or conversation(text, "assistant"),
        )
        return replace(reading, run=run)
