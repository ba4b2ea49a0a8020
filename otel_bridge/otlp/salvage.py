"""
Parse a protobuf request of which a part is broken, and keep the rest.

Protobuf refuses a whole message for one text that is not UTF-8. Then the message is
taken apart by its fields, and only the records that cannot be parsed are left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from otel_bridge_storage.errors import MalformedTelemetryError

from otel_bridge.otlp.decoded import Rejected

_BROKEN = "it is not valid protobuf: text that is not UTF-8, too deep nesting, or cut off"
_MOST_BROKEN = 100_000


@dataclass(frozen=True, slots=True)
class Level:
    """
    Where the parts of a message are: their field, and how they are called.
    """

    number: int
    field: str
    label: str
    below: "Level | None" = None


TRACES = Level(
    1,
    "resource_spans",
    "resourceSpans",
    Level(2, "scope_spans", "scopeSpans", Level(2, "spans", "spans")),
)
LOGS = Level(
    1,
    "resource_logs",
    "resourceLogs",
    Level(2, "scope_logs", "scopeLogs", Level(2, "log_records", "logRecords")),
)
METRICS = Level(
    1,
    "resource_metrics",
    "resourceMetrics",
    Level(2, "scope_metrics", "scopeMetrics", Level(2, "metrics", "metrics")),
)


def parse(kind: type[Any], level: Level, data: bytes) -> tuple[Any, dict[str, Rejected]]:
    """
    Parse a request.

    Returns:
        The message, with empty parts in place of broken ones, and the broken ones by
        their place.

    Raises:
        MalformedTelemetryError: The bytes are no protobuf message.
    """
    broken: dict[str, Rejected] = {}
    try:
        return kind.FromString(data), broken
    except DecodeError:
        pass
    try:
        return _take_apart(kind, level, data, "", broken), broken
    except DecodeError as error:
        raise MalformedTelemetryError(f"the bytes are not OTLP protobuf: {error}") from error


def groups(broken: dict[str, Rejected]) -> Iterator[Rejected]:
    """
    List the broken parts that are a resource or a scope with all that is in them.
    """
    for place, lost in broken.items():
        if not place.rsplit(".", 1)[-1].startswith(("spans[", "logRecords[")):
            yield lost


def _take_apart(
    kind: type[Any], level: Level, data: bytes, place: str, broken: dict[str, Rejected]
) -> Any:
    """
    Parse a message part by part.

    Raises:
        DecodeError: What is beside the parts is broken.
        MalformedTelemetryError: The bytes have no fields.
    """
    parts: list[bytes] = []
    rest = bytearray()
    for number, start, value, end in fields(data):
        if number == level.number and value is not None:
            parts.append(value)
        else:
            rest += data[start:end]
    message = kind.FromString(bytes(rest))
    for index, part in enumerate(parts):
        where = f"{place}{level.label}[{index}]"
        _add(getattr(message, level.field), level, part, where, broken)
    return message


def _add(
    siblings: Any, level: Level, part: bytes, where: str, broken: dict[str, Rejected]
) -> None:
    added = siblings.add()
    try:
        added.MergeFromString(part)
    except DecodeError:
        added.Clear()
        below = level.below
        if below is None:
            _note(broken, Rejected(where, _BROKEN))
            return
        try:
            added.CopyFrom(_take_apart(type(added), below, part, where + ".", broken))
        except (DecodeError, MalformedTelemetryError):
            _note(broken, Rejected(where, _BROKEN, _count([part], below)))


def _note(broken: dict[str, Rejected], lost: Rejected) -> None:
    if len(broken) >= _MOST_BROKEN:
        raise MalformedTelemetryError(
            f"the bytes are not OTLP protobuf: more than {_MOST_BROKEN} parts are broken"
        )
    broken[lost.where] = lost


def _count(parts: Iterable[bytes], level: Level | None) -> int:
    """
    Count the records in parts that could not be parsed, as far as that can be told.
    """
    if level is None:
        return len(list(parts))
    inner: list[bytes] = []
    for part in parts:
        try:
            found = [v for number, _, v, _ in fields(part) if number == level.number]
        except MalformedTelemetryError:
            continue
        inner.extend(value for value in found if value is not None)
    return _count(inner, level.below)


def fields(data: bytes) -> Iterator[tuple[int, int, bytes | None, int]]:
    """
    Walk the fields of a protobuf message.

    Yields:
        The field's number, where it starts, its bytes if it has a length, and where it
        ends.

    Raises:
        MalformedTelemetryError: The bytes are no protobuf message.
    """
    position = 0
    while position < len(data):
        start = position
        tag, position = _varint(data, position)
        value: bytes | None = None
        match tag & 7:
            case 0:
                _, position = _varint(data, position)
            case 1:
                position += 8
            case 2:
                size, position = _varint(data, position)
                value = data[position : position + size]
                position += size
            case 5:
                position += 4
            case wire:
                raise _malformed(f"wire type {wire} at byte {start}")
        if position > len(data):
            raise _malformed(f"the field at byte {start} goes beyond the end")
        if not tag >> 3:
            raise _malformed(f"field number 0 at byte {start}")
        yield tag >> 3, start, value, position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    for index in range(position, min(position + 10, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise _malformed(f"a number at byte {position} does not end")


def _malformed(why: str) -> MalformedTelemetryError:
    return MalformedTelemetryError(f"not OTLP protobuf: {why}")
