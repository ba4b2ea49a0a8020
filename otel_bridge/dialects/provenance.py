"""
From where in a span each field of its reading came, found out by changing the span.

Nothing is asked of the dialects: the span is read again with one input taken away, and
with that input changed, and what differs then came from it. So what is said here cannot
differ from what was read, whatever the dialect.

An input by which the dialect or the role itself goes is said to decide that, and is not
called the source of all that goes with it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from otel_bridge_storage.readings import (
    CallReading,
    Reader,
    Reading,
    RunReading,
    ToolReading,
    Usage,
)
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects.span_inputs import Input, InputKind, changed, inputs_of, without

_PARTS = (RunReading, CallReading, ToolReading, Usage)
_DECIDED = frozenset({"role", "dialect"})
_OF_EVENTS = frozenset({InputKind.EVENT, InputKind.EVENT_ATTRIBUTE})
_OWN = frozenset({InputKind.ATTRIBUTE, InputKind.EVENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSource:
    """
    A field of a reading that says something.

    Attributes:
        path: Such as `call.usage.input_tokens`.
        sources: What it came from; empty where it goes with the role, or where several
            inputs say it together and none of them alone.
    """

    path: str
    value: Any
    sources: tuple[Input, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """
    A reading, with where each part of it came from.

    Attributes:
        dialect_by: By what the dialect was told; empty where there is none, or where it
            reads any span.
        role_by: What decides the role within the dialect.
        fields: The fields that say something, in the order of `Reading`.
        unused: Attributes and events of the span that nothing was read from.
    """

    reading: Reading
    dialect_by: tuple[Input, ...]
    role_by: tuple[Input, ...]
    fields: tuple[FieldSource, ...]
    unused: tuple[Input, ...]


@dataclass(slots=True)
class _Found:
    """
    What is known so far of which input does what.
    """

    inputs: Sequence[Input]
    dialect_by: set[Input] = field(default_factory=set)
    role_by: set[Input] = field(default_factory=set)
    by_change: dict[str, set[Input]] = field(default_factory=dict)
    by_removal: dict[str, set[Input]] = field(default_factory=dict)
    by_itself: dict[str, set[Input]] = field(default_factory=dict)

    def tellers(self, path: str) -> set[Input]:
        changing = self.by_change.get(path)
        if changing:
            return changing
        # What matters by being there, and tells another field, steers how this one is read.
        steering = self.steering()
        present = {one for one in self.by_removal.get(path, ()) if one not in steering}
        return present | self.by_itself.get(path, set())

    def steering(self) -> set[Input]:
        return set().union(*self.by_change.values())

    def sources(self, path: str) -> tuple[Input, ...]:
        found = self.tellers(path) or self.by_removal.get(path, set())
        told = {one.event for one in found if one.kind is InputKind.EVENT_ATTRIBUTE}
        return self.ordered(
            one for one in found if one.kind is not InputKind.EVENT or one.event not in told
        )

    def ordered(self, some: Any) -> tuple[Input, ...]:
        wanted = set(some)
        return tuple(one for one in self.inputs if one in wanted)

    def used(self) -> set[Input]:
        each = (self.by_change, self.by_removal, self.by_itself)
        return self.dialect_by.union(self.role_by, *(own for by in each for own in by.values()))


def trace_reading(reader: Reader, span: SpanRecord) -> Provenance:
    """
    Read a span and say where each field of the reading came from.

    The span is read some two or three times for each of its attributes.
    """
    search = _Search(reader, span)
    search.change_each()
    search.settle_decisions()
    search.look_at_each_alone()
    found, values = search.found, search.values
    kept = {
        path: value
        for path, value in values.items()
        if not _blank(value) or (value is False and path in found.by_change)
    }
    used = found.used()
    events = {one.event for one in used if one.kind in _OF_EVENTS}
    return Provenance(
        reading=search.whole,
        dialect_by=found.ordered(found.dialect_by),
        role_by=found.ordered(found.role_by),
        fields=tuple(
            FieldSource(path=path, value=value, sources=found.sources(path))
            for path, value in kept.items()
        ),
        unused=tuple(
            one
            for one in found.inputs
            if one.kind in _OWN
            and one not in used
            and (one.event is None or one.event not in events)
        ),
    )


class _Search:
    """
    Reads one span again and again.
    """

    def __init__(self, reader: Reader, span: SpanRecord) -> None:
        self._reader = reader
        self._span = span
        self.whole = reader.read_span(span)
        self.values = dict(leaves(self.whole))
        self.found = _Found(inputs_of(span))
        self._base: set[Input] = set()

    def change_each(self) -> None:
        """
        Take each input away, then change it, and note what differs.
        """
        for one in self.found.inputs:
            self._note(one, without(self._span, (one,)), self.found.by_removal)
            other = changed(self._span, one)
            if other is not None:
                self._note(one, other, self.found.by_change)

    def settle_decisions(self) -> None:
        """
        Find what decides dialect and role where several inputs do so, each by itself.
        """
        found = self.found
        self._base = found.dialect_by | found.role_by
        if not self._is_same(self._only(self._base)):
            self._base = self._fewest()
        bare = self._only(())
        if self.whole.dialect != bare.dialect and not found.dialect_by:
            alone = (one for one in found.inputs if self._tells_dialect(one))
            found.dialect_by = set(alone) or set(self._base)
        if self.whole.role is not bare.role and not found.role_by:
            found.role_by = set(self._base)

    def look_at_each_alone(self) -> None:
        """
        Find the sources of fields that two inputs tell alike: either would do.
        """
        self._look(self._base, self._without_source(self.values))
        for path in self._without_source(self.values):
            # It may need others that steer how it is read, and tell fields of their own.
            steering = self._fewest(path) & self.found.steering()
            self._look(self._base | steering, [path])

    def _look(self, base: set[Input], paths: Collection[str]) -> None:
        """
        Note what gives a field its value when it comes to inputs that do not.
        """
        bare = self._only(base)
        told = dict(leaves(bare)) if self._is_same(bare) else {}
        wanted = [path for path in paths if not _same(told.get(path), self.values[path])]
        for one in self.found.inputs if wanted else ():
            reading = self._only({*base, one})
            if self._is_same(reading):
                said = dict(leaves(reading))
                for path in wanted:
                    if _same(said.get(path), self.values[path]):
                        self.found.by_itself.setdefault(path, set()).add(one)

    def _without_source(self, values: Mapping[str, Any]) -> list[str]:
        bare = self._only(self._base)
        told = dict(leaves(bare)) if self._is_same(bare) else {}
        return [
            path
            for path, value in values.items()
            if not (_blank(value) or self.found.tellers(path) or _same(told.get(path), value))
        ]

    def _note(self, one: Input, span: SpanRecord, noted: dict[str, set[Input]]) -> None:
        reading = self._reader.read_span(span)
        if reading.dialect != self.whole.dialect:
            self.found.dialect_by.add(one)
        elif reading.role is not self.whole.role:
            self.found.role_by.add(one)
        else:
            other = dict(leaves(reading))
            for path, value in self.values.items():
                if not _same(value, other.get(path)):
                    noted.setdefault(path, set()).add(one)

    def _only(self, kept: Collection[Input]) -> Reading:
        dropped = [one for one in self.found.inputs if one not in kept and not _holds(one, kept)]
        return self._reader.read_span(without(self._span, dropped))

    def _is_same(self, reading: Reading) -> bool:
        return reading.dialect == self.whole.dialect and reading.role is self.whole.role

    def _tells_dialect(self, one: Input) -> bool:
        return self._only((one,)).dialect == self.whole.dialect

    def _fewest(self, path: str | None = None) -> set[Input]:
        """
        Find inputs that give the dialect and the role, and a field its value, of which
        none can be spared.
        """
        kept = set(self.found.inputs)
        for one in self.found.inputs:
            reading = self._only(kept - {one})
            if self._is_same(reading) and (
                path is None or _same(dict(leaves(reading)).get(path), self.values[path])
            ):
                kept.discard(one)
        return kept


def leaves(reading: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """
    List the fields of a reading, those of its parts by dotted paths.
    """
    for each in fields(reading):
        value = getattr(reading, each.name)
        if isinstance(value, _PARTS):
            yield from leaves(value, f"{prefix}{each.name}.")
        elif prefix or each.name not in _DECIDED:
            yield f"{prefix}{each.name}", value


def _holds(one: Input, kept: Collection[Input]) -> bool:
    """
    Tell whether an input is the event that holds one which is kept.
    """
    return one.kind is InputKind.EVENT and any(other.event == one.event for other in kept)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or repr(one) == repr(other)


def _blank(value: Any) -> bool:
    return value is None or value is False or value in ((), "") or value == {}
