"""
Which records a destination gets, and in what form.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import translate
from typing import Any

from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.content import ContentPolicy
from otel_bridge.forwarder.destination import Destination

Record = SpanRecord | LogRecord

_RANDOM_BITS = 56


class Choice:
    """
    What one destination is sent.

    Args:
        destination: Says what.
    """

    def __init__(self, destination: Destination) -> None:
        self._only = [_condition(text) for text in destination.only]
        self._drop = [_condition(text) for text in destination.drop]
        # The threshold of OpenTelemetry's consistent probability sampling: traces are kept
        # by the last 56 bits of their id, so that every sampler keeps the same ones.
        self._least = round((1 - destination.sample) * 2**_RANDOM_BITS)
        self._hide = [_pattern(text) for text in destination.hide]
        self._policy = ContentPolicy(keep=destination.content, redact=destination.redact)

    def takes(self, record: Record) -> bool:
        """
        Whether the destination gets a record.
        """
        if record.trace_id and int(record.trace_id[-14:], 16) < self._least:
            return False
        if self._only and not any(meets(record) for meets in self._only):
            return False
        return not any(meets(record) for meets in self._drop)

    def treated(self, record: Record) -> Record:
        """
        Give a record as the destination gets it.
        """
        if isinstance(record, SpanRecord):
            return self._without_hidden(self._policy.span(record))
        return self._without_hidden(self._policy.log(record))

    def _without_hidden(self, record: Record) -> Record:
        if not self._hide:
            return record
        resource = replace(record.resource, attributes=self._kept(record.resource.attributes))
        shown = replace(record, attributes=self._kept(record.attributes), resource=resource)
        if isinstance(shown, LogRecord):
            return shown
        events = tuple(replace(e, attributes=self._kept(e.attributes)) for e in shown.events)
        links = tuple(replace(k, attributes=self._kept(k.attributes)) for k in shown.links)
        return replace(shown, events=events, links=links)

    def _kept(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in attributes.items()
            if not any(hidden(name) for hidden in self._hide)
        }


def _condition(text: str) -> Callable[[Record], bool]:
    name, _, pattern = text.partition("=")
    matches = _pattern(pattern)

    def meets(record: Record) -> bool:
        return any(matches(value) for value in _values(record, name))

    return meets


def _pattern(text: str) -> Callable[[str], Any]:
    return re.compile(translate(text)).match


def _values(record: Record, name: str) -> Sequence[str]:
    if name == "name":
        return [record.name if isinstance(record, SpanRecord) else record.event_name]
    if name == "scope.name":
        return [record.scope.name]
    held = (record.attributes, record.resource.attributes)
    return [_text(attributes[name]) for attributes in held if name in attributes]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
