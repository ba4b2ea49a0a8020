"""
The Anthropic SDK's own spans: the conventions, told by the provider itself.
"""

from otel_bridge_storage.readings import LogReading, Reading
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects.semconv import read_as

_SCOPE = "com.anthropic.sdk."


class AnthropicSdk:
    """
    The spans of the scope `com.anthropic.sdk.python` and its siblings.
    """

    name = "anthropic-sdk"

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its scope.
        """
        return span.scope.name.startswith(_SCOPE)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read the span by the conventions.
        """
        return read_as(self.name, span)

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        The SDK sends no logs.
        """
        return None
