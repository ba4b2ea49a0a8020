"""
Dialects: what the spans and logs of each instrumentation mean.
"""

from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.marks import Marks, read_marks
from otel_bridge.dialects.registry import Dialects

__all__ = ["Dialect", "Dialects", "Marks", "read_marks"]
