"""
The report as one HTML page that needs nothing else.
"""

from otel_bridge.cli.page.document import document
from otel_bridge.cli.page.figures import Asked, collect

__all__ = ["Asked", "collect", "document"]
