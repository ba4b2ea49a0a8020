"""
The inputs of a span, each of which can be taken away or changed by itself.

An input is what a dialect could read: an attribute, the span's name, its status, an
event, the scope. A changed value is of the same kind and as good or as bad as before, so
that a value nobody reads is not read after the change either.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from otel_bridge_storage.records import EventRecord, SpanRecord

_MOST_SINGLE = 256
_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


class InputKind(StrEnum):
    """
    Where in a span an input stands.
    """

    ATTRIBUTE = "attribute"
    NAME = "span name"
    KIND = "span kind"
    STATUS = "status code"
    MESSAGE = "status message"
    EVENT = "event"
    EVENT_ATTRIBUTE = "event attribute"
    SCOPE = "scope name"
    SCOPE_ATTRIBUTE = "scope attribute"
    RESOURCE = "resource attribute"


@dataclass(frozen=True, slots=True)
class Input:
    """
    One thing that a span says.

    Attributes:
        name: The name of the attribute or of the event; empty for what has none. Where a
            span has very many attributes, those that differ in a number only are one
            input, with `*` for the number.
        event: The place of the event among the span's.
        twins: How many events of the same name come before.
    """

    kind: InputKind
    name: str = ""
    event: int | None = None
    twins: int = 0

    @property
    def label(self) -> str:
        """
        What people call the input; an attribute goes by its name alone.
        """
        if self.kind is InputKind.ATTRIBUTE:
            return self.name
        if self.event is not None:
            return f"event #{self.twins + 1} {self.name}" if self.twins else f"event {self.name}"
        return f"{self.kind} {self.name}".strip()


def inputs_of(span: SpanRecord) -> list[Input]:
    """
    List the inputs of a span that say something.
    """
    found = [Input(InputKind.ATTRIBUTE, name) for name in _families(span.attributes)]
    plain = {
        InputKind.NAME: span.name,
        InputKind.KIND: span.kind,
        InputKind.STATUS: span.status_code,
        InputKind.MESSAGE: span.status_message,
        InputKind.SCOPE: span.scope.name,
    }
    found += [Input(kind) for kind, value in plain.items() if value]
    seen: Counter[str] = Counter()
    for at, event in enumerate(span.events):
        twins = seen[event.name]
        seen[event.name] += 1
        found.append(Input(InputKind.EVENT, event.name, at, twins))
        found += [
            Input(InputKind.EVENT_ATTRIBUTE, f"{event.name}: {name}", at, twins)
            for name in event.attributes
        ]
    found += [Input(InputKind.SCOPE_ATTRIBUTE, name) for name in span.scope.attributes]
    found += [Input(InputKind.RESOURCE, name) for name in span.resource.attributes]
    return found


def without(span: SpanRecord, dropped: Collection[Input]) -> SpanRecord:
    """
    Give a span that lacks some inputs.
    """
    for one in dropped:
        if one.kind is not InputKind.EVENT:
            span = _with(span, one, _drop)
    gone = {one.event for one in dropped if one.kind is InputKind.EVENT}
    if gone:
        kept = (event for at, event in enumerate(span.events) if at not in gone)
        span = replace(span, events=tuple(kept))
    return span


def changed(span: SpanRecord, one: Input) -> SpanRecord | None:
    """
    Give a span in which an input says something else; None where there is nothing else
    of the same kind to say.
    """
    other = _with(span, one, _change)
    return None if other is span or repr(other) == repr(span) else other


def family_of(name: str) -> str:
    """
    Give the name of an attribute with `*` for the numbers between its dots.
    """
    return _NUMBER.sub("*", name)


_Edit = Callable[[Mapping[str, Any], Collection[str]], dict[str, Any]]


def _with(span: SpanRecord, one: Input, edit: _Edit) -> SpanRecord:
    kind = one.kind
    if kind is InputKind.ATTRIBUTE:
        names = _families(span.attributes).get(one.name) or _members(span.attributes, one.name)
        return replace(span, attributes=edit(span.attributes, names))
    if kind is InputKind.RESOURCE:
        edited = edit(span.resource.attributes, (one.name,))
        return replace(span, resource=replace(span.resource, attributes=edited))
    if kind is InputKind.SCOPE_ATTRIBUTE:
        edited = edit(span.scope.attributes, (one.name,))
        return replace(span, scope=replace(span.scope, attributes=edited))
    if one.event is not None:
        events = tuple(
            _event_with(event, one, edit) if at == one.event else event
            for at, event in enumerate(span.events)
        )
        return replace(span, events=events)
    return _with_plain(span, kind, edit)


def _with_plain(span: SpanRecord, kind: InputKind, edit: _Edit) -> SpanRecord:
    def text(value: str) -> str:
        return str(edit({"": value}, ("",)).get("", ""))

    if kind is InputKind.NAME:
        return replace(span, name=text(span.name))
    if kind is InputKind.MESSAGE:
        return replace(span, status_message=text(span.status_message))
    if kind is InputKind.SCOPE:
        return replace(span, scope=replace(span.scope, name=text(span.scope.name)))
    if edit is _change:
        # Another code is another statement, not another value of this one.
        return span
    return replace(span, kind=0) if kind is InputKind.KIND else replace(span, status_code=0)


def _event_with(event: EventRecord, one: Input, edit: _Edit) -> EventRecord:
    if one.kind is InputKind.EVENT:
        return replace(event, name=str(edit({"": event.name}, ("",)).get("", "")))
    name = one.name.removeprefix(f"{event.name}: ")
    return replace(event, attributes=edit(event.attributes, (name,)))


def _drop(attributes: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name not in names}


def _change(attributes: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {
        name: other_value(value) if name in names else value for name, value in attributes.items()
    }


def _families(attributes: Mapping[str, Any]) -> Mapping[str, Collection[str]]:
    if len(attributes) <= _MOST_SINGLE:
        return {name: (name,) for name in attributes}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in attributes:
        found[family_of(name)].add(name)
    return found


def _members(attributes: Mapping[str, Any], family: str) -> Collection[str]:
    """
    List the names of a family in a span that has become small.
    """
    return {name for name in attributes if name == family or family_of(name) == family}


def other_value(value: Any) -> Any:
    """
    Give another value of the same kind; what says nothing, or zero, stays as it is.

    JSON stays JSON of the same shape, in which everything at the ends is changed.
    """
    if isinstance(value, str):
        return _other_text(value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return _other_whole(value)
    if isinstance(value, float):
        return float(_other_whole(int(value))) if value.is_integer() else value / 2
    if isinstance(value, bytes):
        return value + b"~" if value else value
    if isinstance(value, Mapping):
        return {key: other_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [other_value(item) for item in value]
    return value


def _other_whole(value: int) -> int:
    if value == 0:
        return value
    # A part stays below its whole where it is made smaller.
    return 2 if value == 1 else value - 1


def _other_text(text: str) -> str:
    if not text:
        return text
    try:
        parsed = json.loads(text)
        other = other_value(parsed)
        if repr(other) != repr(parsed):
            return json.dumps(other, ensure_ascii=False)
        if not isinstance(parsed, str) or not parsed:
            return text
    except (ValueError, RecursionError):
        pass
    return f"{text}~"
