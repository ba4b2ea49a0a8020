"""
OTLP requests without end, of which no two say the same.

The spans are those of `_workload`, of a few agents that run at the same time, in the order
in which they end, cut into requests; a trace may cross from one request into the next.
They are encoded once. For each use a mark, which is in every id and before every text, is
replaced by a stamp of the same length, and the times are moved so that it ends now. So a
request costs its sender next to nothing, while a store that keeps each text once finds no
text that it has.
"""

import re
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from _workload import SPANS_PER_TRACE, spans, traces
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan

_MARK = "~mark~"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_STAMPS = len(_DIGITS) ** len(_MARK)
_FEWEST_TRACES = 200
_MOST_SPANS = 1 << 16
_APART_MS = 6_000
_TEXT = re.compile(r'("(?:content|response|query)":")')
_CALL = re.compile(r'("id":"call_)')
_WHOLE_TEXTS = ("gen_ai.tool.call.result", "step.note")
_IDS = ("gen_ai.tool.call.id", "gen_ai.response.id", "gen_ai.conversation.id")
# A trace takes twenty seconds, and spans are sent as they end: their times are squeezed, so
# that those of a request all ended shortly before it is sent.
_SQUEEZED = 1000
_LONG_NS = 60_000_000_000
_TIMES = struct.Struct("<BQBQ")
_START_TAG, _END_TAG = 0x39, 0x41


@dataclass(frozen=True, slots=True)
class Template:
    """
    A request before it is stamped.

    Attributes:
        spans: How many it holds.
        times: Where the times of each span are, the template in which its trace began, and
            how long before the end of that one they are, in nanoseconds.
        began: All such templates, by number.
    """

    body: bytes
    spans: int
    times: Sequence[tuple[int, int, int, int]]
    began: frozenset[int]


class Load:
    """
    Makes requests by their number. May be used from any thread.

    Args:
        per_request: Spans of a request.
        first_round: The first stamp; loads whose rounds do not meet share no id and no text.
    """

    def __init__(self, per_request: int, *, seed: int = 1, first_round: int = 0) -> None:
        ended = _ended(max(_FEWEST_TRACES, -(-per_request // SPANS_PER_TRACE)), seed)
        if len(ended) > _MOST_SPANS:
            raise SystemExit(f"--per-request may be {_MOST_SPANS} at most")
        self._templates = _templates(ended, per_request)
        self._first_round = first_round
        self._lock = Lock()
        self._stamped_at: dict[tuple[int, int], int] = {}

    @property
    def round_spans(self) -> int:
        """
        Spans after which the same templates come again, with another stamp.
        """
        return sum(template.spans for template in self._templates)

    def spans_of(self, number: int) -> int:
        """
        How many spans a request holds.
        """
        return self._templates[number % len(self._templates)].spans

    def requests_for(self, wanted: int) -> int:
        """
        How many requests it takes to send as many spans, or a few more.
        """
        rounds, rest = divmod(wanted, self.round_spans)
        count = rounds * len(self._templates)
        while rest > 0:
            rest -= self.spans_of(count)
            count += 1
        return count

    def request(self, number: int) -> bytes:
        """
        Give a request, stamped.
        """
        turn, which = divmod(number, len(self._templates))
        template = self._templates[which]
        nows = {which: self._first_stamped_at(turn, which) for which in template.began}
        body = bytearray(template.body)
        for offset, began, start, end in template.times:
            now = nows[began]
            _TIMES.pack_into(body, offset, _START_TAG, now - start, _END_TAG, now - end)
        stamp = _stamp(self._first_round + turn).encode()
        return bytes(body.replace(_MARK.encode(), stamp))

    def check(self) -> None:
        """
        Decode two rounds and see that they are what this module promises.

        Raises:
            SystemExit: They are not.
        """
        ids: set[tuple[bytes, bytes]] = set()
        texts: list[set[str]] = []
        for turn in range(2):
            sent = [self.request(turn * len(self._templates) + n) for n in self._numbers()]
            if any(_MARK.encode() in body for body in sent):
                raise SystemExit("the load is wrong: a mark was not stamped")
            decoded = [span for body in sent for span in _decoded(body)]
            own = {(span.trace_id, span.span_id) for span in decoded}
            parents = {(s.trace_id, s.parent_span_id) for s in decoded if s.parent_span_id}
            if len(own) != self.round_spans or ids & own or parents - own:
                raise SystemExit("the load is wrong: ids repeat, or parents are missing")
            if any(abs(time.time_ns() - span.end_time_unix_nano) > _LONG_NS for span in decoded):
                raise SystemExit("the load is wrong: a time was not moved")
            ids |= own
            texts.append({text for span in decoded for text in _texts(span)})
        if texts[0] & texts[1]:
            raise SystemExit("the load is wrong: texts repeat")

    def _numbers(self) -> range:
        return range(len(self._templates))

    def _first_stamped_at(self, turn: int, which: int) -> int:
        with self._lock:
            self._stamped_at.pop((turn - 100, which), None)
            return self._stamped_at.setdefault((turn, which), time.time_ns())


def _ended(count: int, seed: int) -> list[ReadableSpan]:
    made = spans(traces(count, seed=seed), seed=seed, apart_ms=_APART_MS)
    return sorted(made, key=lambda span: span.end_time or 0)


def _templates(ended: Sequence[ReadableSpan], per_request: int) -> list[Template]:
    numbers: dict[bytes, bytes] = {}
    began: dict[bytes, tuple[int, int]] = {}
    made = []
    for which, at in enumerate(range(0, len(ended), per_request)):
        request = encode_spans(ended[at : at + per_request])
        found = list(_spans_in(request))
        latest = max(span.end_time_unix_nano for span in found)
        for span in found:
            _mark(span, numbers)
            began.setdefault(span.trace_id, (which, latest))
        body = request.SerializeToString()
        times = list(_times(body, found, began))
        made.append(Template(body, len(found), times, frozenset(each[1] for each in times)))
    return made


def _mark(span: Any, numbers: dict[bytes, bytes]) -> None:
    """
    Put the mark into the ids of a span and before its texts.
    """
    mark = _MARK.encode()

    def numbered(span_id: bytes) -> bytes:
        number = numbers.setdefault(span_id, len(numbers).to_bytes(2, "big"))
        return number + mark

    # The stamp is at the end, so that new ids come in between old ones, as random ones do.
    span.trace_id = span.trace_id[: -len(mark)] + mark
    span.span_id = numbered(span.span_id)
    if span.parent_span_id:
        span.parent_span_id = numbered(span.parent_span_id)
    for attribute in span.attributes:
        value = attribute.value
        if attribute.key in _WHOLE_TEXTS:
            value.string_value = f"{_MARK} {value.string_value}"
        elif attribute.key in _IDS:
            kind, _, rest = value.string_value.replace("-", "_").partition("_")
            value.string_value = f"{kind}_{_MARK}{rest}"
        elif value.HasField("string_value"):
            marked = _TEXT.sub(rf"\g<1>{_MARK} ", value.string_value)
            value.string_value = _CALL.sub(rf"\g<1>{_MARK}", marked)


def _times(
    body: bytes, found: Sequence[Any], began: Mapping[bytes, tuple[int, int]]
) -> Iterator[tuple[int, int, int, int]]:
    after = 0
    for span in found:
        which, latest = began[span.trace_id]
        start, end = span.start_time_unix_nano, span.end_time_unix_nano
        at = body.index(_TIMES.pack(_START_TAG, start, _END_TAG, end), after)
        after = at + _TIMES.size
        yield at, which, (latest - start) // _SQUEEZED, (latest - end) // _SQUEEZED


def _stamp(number: int) -> str:
    number %= _STAMPS
    digits = []
    for _ in _MARK:
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)


def _spans_in(request: Any) -> Iterator[Any]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def _decoded(body: bytes) -> Iterator[Any]:
    return _spans_in(ExportTraceServiceRequest.FromString(body))


def _texts(span: Any) -> Iterator[str]:
    for attribute in span.attributes:
        if attribute.key in _WHOLE_TEXTS or attribute.key.endswith(".messages"):
            yield attribute.value.string_value
