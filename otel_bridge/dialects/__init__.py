"""
Dialects: what the spans and logs of each instrumentation mean.
"""

from otel_bridge_storage.readings import LogReading, Reading, Role

from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.marks import Marks, read_marks
from otel_bridge.dialects.registry import Dialects
from otel_bridge.dialects.span_reading import read_as
from otel_bridge.dialects.stand_ins import stand_in
from otel_bridge.dialects.tokens import TokenNames
from otel_bridge.dialects.vocabulary import GENAI, CallNames, RunNames, ToolNames, Vocabulary

__all__ = [
    "GENAI",
    "CallNames",
    "Dialect",
    "Dialects",
    "LogReading",
    "Marks",
    "Reading",
    "Role",
    "RunNames",
    "TokenNames",
    "ToolNames",
    "Vocabulary",
    "read_as",
    "read_marks",
    "stand_in",
]
