"""
Which dialect a span is in is found once for spans that look alike, and found right.
"""

import random
from dataclasses import replace

import captures
from otel_bridge_storage.readings import Reading
from otel_bridge_storage.records import SpanRecord
from read_dialects import span_of

from otel_bridge.dialects import Dialects
from otel_bridge.dialects.deciding import Deciding
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.registry import built_in
from otel_bridge.dialects.semconv import SemConv
from otel_bridge.otlp import decode_traces


class Counting(SemConv):
    """
    Counts how often it is asked.
    """

    def __init__(self) -> None:
        self.asked = 0

    def detects(self, span: SpanRecord) -> bool:
        """
        Go by a value, and say nothing of that.
        """
        self.asked += 1
        return bool(span.attributes.get("mine") == "yes")


class Declared(Counting):
    """
    Says what it goes by.
    """

    decided_by = ("mine",)

    def detects(self, span: SpanRecord) -> bool:
        """
        Go by the same value.
        """
        return super().detects(span)


class Heir(Declared):
    """
    Goes by something that what it inherits says nothing of.
    """

    def detects(self, span: SpanRecord) -> bool:
        """
        Go by another value.
        """
        self.asked += 1
        return bool(span.attributes.get("other") == "yes")


def _captured() -> list[SpanRecord]:
    return [
        span
        for name in captures.names()
        for path in captures.files(name, "traces", "pb")
        for span in decode_traces(path.read_bytes()).records
    ]


def _asked_one_by_one(span: SpanRecord) -> str | None:
    return next((dialect.name for dialect in built_in() if dialect.detects(span)), None)


def test_spans_of_all_instrumentations_are_decided_as_if_each_were_asked_about() -> None:
    """
    Every recorded span, and every one with the values of another of its shape or with texts
    that name a system, is found to be in the dialect that asking for each alone gives.
    """
    spans = _captured()
    random.Random(7).shuffle(spans)
    systems = ("autogen", "strands-agents", "openai", "", None, ["strands-agents"])
    told = [
        replace(span, attributes={**span.attributes, name: system})
        for span in spans[::20]
        for name in ("gen_ai.system", "gen_ai.provider.name")
        for system in systems
    ]
    blank = [replace(span, attributes=dict.fromkeys(span.attributes, "")) for span in spans]
    deciding = Deciding(built_in())
    for span in (*spans, *told, *blank, *spans):
        found = deciding.candidates(span)
        assert all(not ask for _, ask in found)
        assert next((dialect.name for dialect, _ in found), None) == _asked_one_by_one(span)


def test_what_says_what_it_goes_by_is_asked_once_and_anything_else_each_time() -> None:
    """
    A dialect that overrides `detects` and says nothing of it, or only inherits what is said
    of another's, is asked about each span; one that says it is asked once for each text.
    """
    yes, no = span_of({"mine": "yes", "other": "yes"}), span_of({"mine": "no", "other": "no"})
    for kind, times in ((Counting, 6), (Heir, 6), (Declared, 2)):
        dialect = kind()
        dialects = Dialects([dialect])
        assert [bool(dialects.read_span(span).dialect) for span in (yes, no) * 3] == [
            True,
            False,
        ] * 3
        assert dialect.asked == times


def test_a_dialect_that_fails_on_one_span_is_asked_about_the_next() -> None:
    """
    A failure of `detects` is not remembered: a span alike that it does not fail on is read.
    """

    class Failing(Dialect):
        name = "failing"
        decided_by = ()
        failing = True

        def detects(self, span: SpanRecord) -> bool:
            if self.failing:
                raise RuntimeError("mistake")
            return False

        def read(self, span: SpanRecord) -> Reading:
            raise NotImplementedError

    failing = Failing()
    dialects = Dialects([failing, SemConv()])
    span = span_of({"gen_ai.operation.name": "chat"})
    assert dialects.read_span(span).dialect == "failing:failed"
    failing.failing = False
    assert dialects.read_span(span).dialect == "semconv"


def test_what_is_remembered_is_bounded() -> None:
    """
    However many shapes spans have, only some are remembered, and all are decided.
    """
    deciding = Deciding(built_in())
    for number in range(5000):
        span = span_of({"gen_ai.operation.name": "chat", f"attribute.{number}": 1})
        assert [dialect.name for dialect, _ in deciding.candidates(span)] == ["semconv"]
    assert len(deciding._known) <= 2000
