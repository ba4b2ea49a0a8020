"""
Readings whose names, ids and numbers every kind of database can hold, find and add up.

The span itself is kept as it came; this is about what is derived from it. PostgreSQL
cannot hold NUL in a text, nor a text of more than some 2,700 bytes in an index, and a sum
beyond 63 bits is an error everywhere.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from operator import attrgetter
from typing import Any, TypeVar

from otel_bridge_storage.readings import FactReading, LogReading, Reader, Reading, Usage
from otel_bridge_storage.records import EventRecord, LogRecord, SpanRecord
from otel_bridge_storage.values import clean

LONGEST_BYTES = 512
# A text of so few characters fits, whatever they are.
_SURELY_FITS = LONGEST_BYTES // 4
# Some thousand times what the largest model reads at once: sums of such stay exact.
_MOST_TOKENS = 1_000_000_000

_OF_READING = ("agent_name", "session_id", "user_id", "tenant_id")
_OF_PARTS = {
    "run": ("run_id", "parent_run_id", "agent_id"),
    "call": ("response_id", "call_id", "echo"),
    "tool": ("tool_name", "tool_call_id", "echo"),
}
_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)

_texts_of = attrgetter(*_OF_READING)
_texts_of_parts = {name: attrgetter(*texts) for name, texts in _OF_PARTS.items()}
_counts_of = attrgetter(*_COUNTS)

Part = TypeVar("Part")


def fitting(text: str) -> str:
    """
    Make a name or an id one that every database can hold and find by an index.

    One of more than 512 bytes is cut, and ends with a digest of the whole; NUL and lone
    surrogates are replaced.
    """
    if len(text) <= _SURELY_FITS and text.isascii():
        return text.replace("\x00", "\ufffd")
    held = clean(text).replace("\x00", "\ufffd")
    if len(held) <= _SURELY_FITS or len(held.encode()) <= LONGEST_BYTES:
        return held
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    room = LONGEST_BYTES - len(digest) - 1
    return f"{held.encode()[:room].decode('utf-8', 'ignore')}~{digest}"


class FittingReader:
    """
    Reads telemetry as another reader does, and makes what it says fit.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def read_span(self, span: SpanRecord) -> Reading:
        """
        Say what a span means.
        """
        reading = self._reader.read_span(span)
        return reading if _surely_fits(reading) else _made_to_fit(reading)

    def read_event(self, event: EventRecord) -> FactReading | None:
        """
        Say which fact an event of a span is, if it is one.
        """
        fact = self._reader.read_event(event)
        return None if fact is None else _fit_fact(fact)

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Say what a log record tells, if it tells of a call, a tool or a run.
        """
        return self._reader.read_log(log)


def _surely_fits(reading: Reading) -> bool:
    """
    Whether a reading fits as it is, as nearly all do; False where that takes a closer look.
    """
    if reading.tags or reading.metadata or reading.facts:
        return False
    told: list[str | None] = [*_texts_of(reading)]
    for name, texts_of in _texts_of_parts.items():
        if (part := getattr(reading, name)) is not None:
            told += texts_of(part)
    counts = () if reading.call is None else filter(None, _counts_of(reading.call.usage))
    if max(counts, default=0) > _MOST_TOKENS:
        return False
    # One look at all of them: what fits together fits by itself.
    text = "".join(filter(None, told))
    return len(text) <= LONGEST_BYTES and text.isascii() and "\x00" not in text


def _made_to_fit(reading: Reading) -> Reading:
    changes = _misfits(reading, _OF_READING)
    for name, texts in _OF_PARTS.items():
        part = getattr(reading, name)
        if part is not None and (fit := _fit(part, texts)) is not part:
            changes[name] = fit
    call = changes.get("call", reading.call)
    if call is not None and (usage := _bounded(call.usage)) is not call.usage:
        changes["call"] = replace(call, usage=usage)
    if reading.tags:
        changes["tags"] = tuple(fitting(tag) for tag in reading.tags)
    if reading.metadata and (told := _named(reading.metadata)) != reading.metadata:
        changes["metadata"] = told
    if reading.facts:
        changes["facts"] = tuple(_fit_fact(fact) for fact in reading.facts)
    return replace(reading, **changes) if changes else reading


def _misfits(part: Any, names: tuple[str, ...]) -> dict[str, Any]:
    changes = {}
    for name in names:
        value = getattr(part, name)
        if value is not None and (fit := fitting(value)) != value:
            changes[name] = fit
    return changes


def _fit(part: Part, names: tuple[str, ...]) -> Part:
    changes = _misfits(part, names)
    return replace(part, **changes) if changes else part  # type: ignore[type-var]


def _fit_fact(fact: FactReading) -> FactReading:
    return _fit(fact, ("key", "kind"))


def _named(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {clean(key).replace("\x00", "\ufffd"): value for key, value in metadata.items()}


def _bounded(usage: Usage) -> Usage:
    counts = {name: getattr(usage, name) for name in _COUNTS}
    wild = {name: None for name, n in counts.items() if n is not None and n > _MOST_TOKENS}
    return replace(usage, **wild) if wild else usage
