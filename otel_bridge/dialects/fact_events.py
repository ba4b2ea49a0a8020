"""
Span events that are facts of the run log.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from otel_bridge_storage.facts import PREFIX
from otel_bridge_storage.readings import FactReading
from otel_bridge_storage.records import EventRecord
from otel_bridge_storage.values import plain

from otel_bridge.dialects import lenient

_CUSTOM = "otel_bridge.fact.custom"
_FACT_ID = ("otel_bridge.fact.id",)
_ITERATION = ("otel_bridge.iteration",)


def read_event(event: EventRecord) -> FactReading | None:
    """
    Say which fact an event is: one named `otel_bridge.<kind>`, or one marked as custom.

    The fact depends on the event alone, so that an event delivered ahead of its span
    and again with it is one fact.
    """
    attributes = event.attributes
    if event.name.startswith(PREFIX):
        kind = event.name.removeprefix(PREFIX)
    elif attributes.get(_CUSTOM) is True:
        kind = event.name
    else:
        return None
    if not kind:
        return None
    return FactReading(
        key=lenient.text(attributes, _FACT_ID) or _key(event),
        kind=kind,
        time_ns=event.time_ns,
        iteration=lenient.count(attributes, _ITERATION),
        data=_data(kind, attributes),
    )


def read_events(events: Iterable[EventRecord]) -> tuple[FactReading, ...]:
    """
    List the facts among the events of a span.
    """
    facts = (read_event(event) for event in events)
    return tuple(fact for fact in facts if fact is not None)


def _key(event: EventRecord) -> str:
    content = f"{event.name}\0{event.time_ns}\0{plain(event.attributes)}"
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _data(kind: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    from otel_bridge_storage.fact_codec import data_from_attributes

    return data_from_attributes(kind, attributes)
