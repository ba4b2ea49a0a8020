"""
Whether a span failed, and what the failure said.
"""

import re
from dataclasses import dataclass

from otel_bridge_storage.records import STATUS_ERROR, EventRecord, SpanRecord

from otel_bridge.dialects import lenient

_ERROR_TYPE = ("error.type",)
_ERROR_MESSAGE = ("otel_bridge.error.message", "error.message")
_TOOL_STATUS = "gen_ai.tool.status"
_NAMED_ERROR = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Timeout))\s*[(:]")
_CLASS = re.compile(r"<class '([\w.]+)'>")
_LEADING = re.compile(r"\s*(?:Error(?: executing tool [\w.-]+)?:\s*)?")
_REPR = re.compile(r"\s*\(\s*(['\"])(.*?)\1,?\s*\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Failure:
    """
    How a span failed; not at all where `failed` is False.
    """

    failed: bool = False
    type: str | None = None
    message: str | None = None


_NONE = Failure()


def read_failure(span: SpanRecord) -> Failure:
    """
    Read the failure of a span from its status, its attributes and its exception events.

    A span with an exception event and neither an error status nor an error type had an
    exception that was handled, and did not fail.
    """
    attributes = span.attributes
    error_type = _class_name(lenient.text(attributes, _ERROR_TYPE))
    failed = (
        span.status_code == STATUS_ERROR
        or error_type is not None
        or attributes.get(_TOOL_STATUS) == "error"
    )
    if not failed:
        return _NONE
    exception = _last_exception(span)
    told = lenient.text(exception.attributes, ("exception.message",)) if exception else None
    return Failure(
        True,
        error_type or _exception_type(exception) or _named_in(span.status_message),
        lenient.text(attributes, _ERROR_MESSAGE) or told or span.status_message or None,
    )


def failure_told(text: str) -> Failure:
    """
    Read a failure out of what a tool answered, such as `ValueError: no such city` or
    `Error: ValueError('no such city')`.
    """
    told = text[_leading(text) :]
    match = _NAMED_ERROR.match(told)
    if match is None:
        return Failure(True, None, told.strip() or None)
    rest = told[match.end(1) :]
    quoted = _REPR.match(rest)
    message = quoted[2] if quoted else rest.lstrip(" :")
    return Failure(True, match[1].rpartition(".")[2], message.strip() or told.strip())


def _leading(text: str) -> int:
    match = _LEADING.match(text)
    return match.end() if match else 0


def _class_name(error_type: str | None) -> str | None:
    """
    Take the name out of a class that was written as Python shows it.
    """
    match = _CLASS.fullmatch(error_type) if error_type else None
    return match[1].rpartition(".")[2] if match else error_type


def _last_exception(span: SpanRecord) -> EventRecord | None:
    found = [event for event in span.events if event.name == "exception"]
    return found[-1] if found else None


def _exception_type(exception: EventRecord | None) -> str | None:
    if exception is None:
        return None
    name = lenient.text(exception.attributes, ("exception.type",))
    return name.rpartition(".")[2] or None if name else None


def _named_in(message: str) -> str | None:
    match = _NAMED_ERROR.match(message)
    return match[1].rpartition(".")[2] if match else None
