"""
What the tests of the Recorder and the emitter share: finished spans, told simply.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

Told = tuple[str, dict[str, Any], str, list[Any]]


class Spans:
    """
    A tracer, and the spans made with it.
    """

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer: Tracer = provider.get_tracer("test")

    @property
    def ended(self) -> list[ReadableSpan]:
        """
        The ended spans, in the order of their ends.
        """
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        """
        The ended spans of a name.
        """
        return [span for span in self.ended if span.name == name]

    def only(self, name: str) -> ReadableSpan:
        """
        The one ended span of a name.
        """
        (span,) = self.named(name)
        return span

    def tree(self, *left_out: str) -> list[Told]:
        """
        The ended spans as trees of name, attributes, status and children, without ids
        and times; children in the order of their starts.
        """
        spans = sorted(self.ended, key=lambda span: span.start_time or 0)
        ids = {id_of(span) for span in spans}

        def told(span: ReadableSpan) -> Told:
            children = [each for each in spans if parent_of(each) == id_of(span)]
            own = {k: v for k, v in attributes(span).items() if k not in left_out}
            own["events"] = [
                (event.name, {k: v for k, v in (event.attributes or {}).items()
                              if k not in left_out})
                for event in span.events
            ]  # fmt: skip
            return span.name, own, span.status.status_code.name, [told(each) for each in children]

        return [told(span) for span in spans if parent_of(span) not in ids]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """
    The attributes of a span.
    """
    return dict(span.attributes or {})


def id_of(span: ReadableSpan) -> int:
    """
    The id of a span.
    """
    return span.get_span_context().span_id  # type: ignore[union-attr]


def parent_of(span: ReadableSpan) -> int | None:
    """
    The id of a span's parent.
    """
    return span.parent.span_id if span.parent else None


def ticking(start: int = 1_000, step: int = 1) -> Iterator[int]:
    """
    Times that never stand still.
    """
    return itertools.count(start, step)
