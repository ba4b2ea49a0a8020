"""
Telemetry as it arrived: the OTLP data model in plain Python.

Every field of OTLP traces and logs has a place here, so that a record can be
sent on unchanged. Ids are lowercase hex text; times are integer nanoseconds since
the epoch, UTC; attribute values are what `AnyValue` can hold: `str`, `bool`,
`int`, `float`, `bytes`, `None`, lists and string-keyed dicts of these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Attributes = Mapping[str, Any]

STATUS_UNSET, STATUS_OK, STATUS_ERROR = 0, 1, 2


@dataclass(frozen=True, slots=True)
class EntityRecord:
    """
    A reference from a resource to one of the entities it describes.
    """

    type: str
    id_keys: tuple[str, ...] = ()
    description_keys: tuple[str, ...] = ()
    schema_url: str = ""


@dataclass(frozen=True, slots=True)
class ResourceRecord:
    """
    What produced the telemetry, such as a service on a host.
    """

    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    schema_url: str = ""
    entities: tuple[EntityRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopeRecord:
    """
    The instrumentation library that made the telemetry.
    """

    name: str = ""
    version: str = ""
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    schema_url: str = ""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """
    Something that happened at one moment of a span.
    """

    name: str
    time_ns: int
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """
    A pointer from a span to another span, in this trace or another.
    """

    trace_id: str
    span_id: str
    trace_state: str = ""
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """
    One span, ended or still open (`end_ns` is None).
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    trace_state: str = ""
    flags: int = 0
    name: str = ""
    kind: int = 0
    start_ns: int = 0
    end_ns: int | None = None
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    events: Sequence[EventRecord] = ()
    dropped_events: int = 0
    links: Sequence[LinkRecord] = ()
    dropped_links: int = 0
    status_code: int = STATUS_UNSET
    status_message: str = ""
    resource: ResourceRecord = field(default_factory=ResourceRecord)
    scope: ScopeRecord = field(default_factory=ScopeRecord)

    @property
    def key(self) -> tuple[str, str]:
        """
        What identifies the span: its trace id and its span id.
        """
        return (self.trace_id, self.span_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """
    An event of a span that is still open, delivered ahead of the span's end.
    """

    trace_id: str
    span_id: str
    event: EventRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """
    One OTLP log record; `trace_id` and `span_id` are empty where there is no span.
    """

    trace_id: str = ""
    span_id: str = ""
    time_ns: int = 0
    observed_ns: int = 0
    severity_number: int = 0
    severity_text: str = ""
    event_name: str = ""
    body: Any = None
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    flags: int = 0
    resource: ResourceRecord = field(default_factory=ResourceRecord)
    scope: ScopeRecord = field(default_factory=ScopeRecord)


Arrival = SpanRecord | SpanEvent | LogRecord
