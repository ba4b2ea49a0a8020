"""
OTLP, as protobuf and as JSON, to records and back.
"""

from otel_bridge.otlp.decode import decode_logs, decode_traces
from otel_bridge.otlp.decoded import Decoded, Rejected
from otel_bridge.otlp.encode import encode_logs, encode_traces
from otel_bridge.otlp.files import FileContents, read_telemetry
from otel_bridge.otlp.json_decode import decode_logs_json, decode_traces_json

__all__ = [
    "Decoded",
    "FileContents",
    "Rejected",
    "decode_logs",
    "decode_logs_json",
    "decode_traces",
    "decode_traces_json",
    "encode_logs",
    "encode_traces",
    "read_telemetry",
]
