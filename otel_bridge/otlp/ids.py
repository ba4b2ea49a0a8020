"""
Ids as bytes, as the wire has them, and as the lowercase hex text of a record.
"""

from otel_bridge.otlp.decoded import InvalidRecordError

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
_ZERO_TRACE, _ZERO_SPAN = "0" * 32, "0" * 16


def trace_id(raw: bytes) -> str:
    """
    Read the trace id of a span.

    Raises:
        InvalidRecordError: The id has the wrong length or is all zeros.
    """
    if len(raw) != TRACE_ID_BYTES:
        raise InvalidRecordError(f"trace_id has {len(raw)} bytes, not {TRACE_ID_BYTES}")
    text = raw.hex()
    if text == _ZERO_TRACE:
        raise InvalidRecordError("trace_id is all zeros")
    return text


def span_id(raw: bytes) -> str:
    """
    Read the span id of a span.

    Raises:
        InvalidRecordError: The id has the wrong length or is all zeros.
    """
    if len(raw) != SPAN_ID_BYTES:
        raise InvalidRecordError(f"span_id has {len(raw)} bytes, not {SPAN_ID_BYTES}")
    text = raw.hex()
    if text == _ZERO_SPAN:
        raise InvalidRecordError("span_id is all zeros")
    return text


def parent_span_id(raw: bytes) -> str | None:
    """
    Read a parent's span id; none and all zeros both say that there is no parent.

    Raises:
        InvalidRecordError: The id has the wrong length.
    """
    if not raw:
        return None
    if len(raw) != SPAN_ID_BYTES:
        raise InvalidRecordError(f"parent_span_id has {len(raw)} bytes, not {SPAN_ID_BYTES}")
    text = raw.hex()
    return None if text == _ZERO_SPAN else text


def log_trace_id(raw: bytes) -> str:
    """
    Read the trace id of a log record, where an invalid id means that there is none.
    """
    return raw.hex() if len(raw) == TRACE_ID_BYTES and any(raw) else ""


def log_span_id(raw: bytes) -> str:
    """
    Read the span id of a log record, where an invalid id means that there is none.
    """
    return raw.hex() if len(raw) == SPAN_ID_BYTES and any(raw) else ""
