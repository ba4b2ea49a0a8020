"""
The Anthropic SDK's own spans: the conventions, told by the provider itself.
"""

from otel_bridge_storage.readings import Reading
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.span_reading import read_as


class AnthropicSdk(Dialect):
    """
    The spans of the scope `com.anthropic.sdk.python` and its siblings.
    """

    name = "anthropic-sdk"
    scopes = ("com.anthropic.sdk.",)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read the span by the conventions.
        """
        return read_as(self.name, span)
