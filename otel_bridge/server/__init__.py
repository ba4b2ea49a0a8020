"""
`otel-bridge serve`: one process that receives OTLP, and tells how it fares.
"""

from otel_bridge.server.serving import serve, serving
from otel_bridge.server.settings import Settings, Tls

__all__ = ["Settings", "Tls", "serve", "serving"]
