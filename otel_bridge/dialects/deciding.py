"""
Which dialect a span is written in, found once for all spans that look alike.

Two spans look alike if they are of one scope and have the same attributes, whatever the
values: an instrumentation makes a few kinds of spans, and asking twenty dialects about
each span anew would cost as much as reading it.
"""

from collections.abc import Sequence
from typing import Any

from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.lenient import Names

_MOST_SHAPES = 2000
_MOST_ATTRIBUTES = 64
"""
Of how many attributes a span may have that is worth remembering: those with more number
them, so that hardly two are alike.
"""

Candidates = tuple[tuple[Dialect, bool], ...]
"""
Dialects to be tried in order, each with whether the span itself must be asked about.
"""


class Deciding:
    """
    Finds the dialect of a span.
    """

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        texts = [_looks_at(dialect) for dialect in dialects]
        # A dialect of another package may look at anything.
        self._dialects = [(d, names is None) for d, names in zip(dialects, texts, strict=True)]
        self._values = sorted({name for names in texts for name in names or ()})
        self._known: dict[Any, Candidates] = {}

    def candidates(self, span: SpanRecord) -> Candidates:
        """
        List the dialects that a span may be in; of those not to be asked, the first it is in.
        """
        attributes = span.attributes
        if len(attributes) > _MOST_ATTRIBUTES:
            return self._find(span)
        told = [v if type(v := attributes.get(n)) is str else None for n in self._values]
        shape = (span.scope.name, *told, *attributes)
        known = self._known.get(shape)
        if known is None:
            known = self._find(span)
            if len(self._known) >= _MOST_SHAPES:
                self._known.clear()
            self._known[shape] = known
        return known

    def _find(self, span: SpanRecord) -> Candidates:
        found: list[tuple[Dialect, bool]] = []
        for dialect, ask in self._dialects:
            try:
                detected = None if ask else dialect.detects(span)
            except Exception:  # noqa: BLE001 (it fails once more where that is reported)
                detected = None
            if detected is None:
                found.append((dialect, True))
            elif detected:
                found.append((dialect, False))
                break
        return tuple(found)


def _looks_at(dialect: Dialect) -> Names | None:
    for kind in type(dialect).__mro__:
        if "detects" in vars(kind):
            # What a class says of another's `detects` does not hold for its own.
            names: Names | None = vars(kind).get("decided_by")
            return names
    return None
