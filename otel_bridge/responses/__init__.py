"""
Reading the response objects of model clients, by their shape.
"""

from otel_bridge.responses.registry import read_response, read_usage
from otel_bridge.responses.response import Response
from otel_bridge.responses.stream import StreamReader

__all__ = ["Response", "StreamReader", "read_response", "read_usage"]
