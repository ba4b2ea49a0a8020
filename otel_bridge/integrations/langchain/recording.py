"""
What is recorded through one bridge, by however many handlers.
"""

import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from opentelemetry import context as otel
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span
from otel_bridge_storage.facts import Fact

from otel_bridge.emitter import Emitter
from otel_bridge.integrations.langchain.current import Stay
from otel_bridge.integrations.langchain.entries import Entry, OpenEntries
from otel_bridge.integrations.langchain.options import Options
from otel_bridge.integrations.langchain.paused import PausedRuns
from otel_bridge.recorder import Recorder
from otel_bridge.scoping import entered

CALLER = "otel_bridge.caller"
"""
The attribute that says who made a call: `lead_agent`, `subagent:NAME`, `middleware:NAME`
or `tool:NAME`.
"""

_MOST_OPEN = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    What LangChain tells at the start of anything.

    Attributes:
        run_id: LangChain's id of it, not of the recorded run.
        parent: That of what it runs in.
    """

    run_id: UUID
    parent: UUID | None = None
    name: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)

    @classmethod
    def of(
        cls,
        options: Options,
        run_id: UUID,
        parent: UUID | None,
        tags: Iterable[str] | None,
        metadata: Mapping[str, Any] | None,
        name: object,
    ) -> Self:
        """
        Take what a callback was given; what is of another type is as good as none.
        """
        return cls(
            run_id=run_id,
            parent=parent,
            name=name if isinstance(name, str) else "",
            tags=tuple(tag for tag in tags or () if isinstance(tag, str)),
            metadata=metadata if isinstance(metadata, Mapping) else {},
            options=options,
        )


class Recording:
    """
    The open runs, calls and tools of LangChain, and the emitter that records them.

    It lives as long as the emitter, which the handlers keep alive.

    Args:
        most_open: How much may be open at once.
    """

    def __init__(self, emitter: Emitter, *, most_open: int = _MOST_OPEN) -> None:
        self._emitter = weakref.ref(emitter)
        self.open = OpenEntries(most_open)
        self.paused = PausedRuns()

    @property
    def emitter(self) -> Emitter:
        """
        What records.
        """
        emitter = self._emitter()
        if emitter is None:
            raise ReferenceError("the bridge that recorded these callbacks is gone")
        return emitter

    @classmethod
    def of(cls, recorder: Recorder) -> "Recording":
        """
        Give the recording of a bridge: one for all handlers, so that what two of them
        are told is recorded once.
        """
        with _lock:
            found = _RECORDINGS.get(recorder.emitter)
            if found is None:
                found = _RECORDINGS[recorder.emitter] = cls(recorder.emitter)
            return found

    def around(self, told: Told) -> Entry | None:
        """
        Find what something begins in.
        """
        return self.open.get(told.parent)

    def records_content(self, options: Options) -> bool:
        """
        Whether what people wrote is recorded.
        """
        return options.capture_content and self.emitter.capture_content

    def start(self, fact: Fact, around: Context | None) -> Context:
        """
        Record a start inside of what is around it, and give the context inside.
        """
        outer = otel.get_current() if around is None else around
        with entered(outer):
            return self.emitter.record(fact) or outer

    def begin(self, told: Told, entry: Entry, *, stay: bool, alone: bool = True) -> None:
        """
        Note what began.

        Args:
            stay: The code inside finds the span as the current one.
            alone: No other code can be in the context that is set for it.
        """
        if stay:
            entry.stay = Stay(entry.context, entry.run_id if alone else None)
        forgotten = self.open.add(told.run_id, entry)
        if forgotten is not None:
            self.emitter.faults.report(
                "too many open callbacks",
                "More of LangChain's runs are open than the bridge keeps; the oldest was "
                "forgotten. Something starts runs, or streams, whose end is never told",
            )

    def end(self, run_id: UUID) -> Entry | None:
        """
        Take out what ended.
        """
        entry = self.open.pop(run_id)
        if entry is not None and entry.stay is not None:
            entry.stay.leave()
            entry.stay = None
        return entry

    def mark(self, entry: Entry) -> None:
        """
        Write on a span who made the call.
        """
        if entry.run_id:
            get_current_span(entry.context).set_attribute(CALLER, entry.caller)


_lock = threading.Lock()
_RECORDINGS: "weakref.WeakKeyDictionary[Emitter, Recording]" = weakref.WeakKeyDictionary()
