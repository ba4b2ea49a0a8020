"""
What the handles of runs, LLM calls and tool calls have in common.
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from opentelemetry import context as otel
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span
from otel_bridge_storage.facts import Fact

from otel_bridge.emitter import Emitter
from otel_bridge.scoping import Scope, entered


class Handle(ABC):
    """
    Something that is being recorded: entered with `with` or `async with`, or used as is.

    In a `with` block its span is the current one and ends with the block. Without one,
    its first use starts it and the call that ends it ends it. Used after its end, or
    entered again, it does no harm.
    """

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._made_ns = emitter.clock()
        self._begun_ns: int | None = None
        self._inside: Context | None = None
        self._ended = False
        self._scopes: list[Scope] = []

    @property
    def trace_id(self) -> str:
        """
        The trace, as 32 hexadecimal digits; all zeros where nothing is recorded.
        """
        self._begin()
        span_context = get_current_span(self._inside or Context()).get_span_context()
        return format(span_context.trace_id, "032x")

    def __enter__(self) -> Self:
        self._begin(self._emitter.clock())
        self._scopes.append(Scope.enter(self._context()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._scopes:
            self._scopes.pop().leave()
        if not self._scopes:
            self.conclude(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    @abstractmethod
    def note(self, result: object) -> None:
        """
        Keep what came out of it, to be told at its end.
        """

    def conclude(self, error: BaseException | None) -> None:
        """
        End it as the end of a `with` block does.
        """
        if not self._ended:
            with self._emitter.faults.contained("ending a recording"):
                self._begin()
                self._leave(error)

    def current(self) -> AbstractContextManager[None]:
        """
        Make its span the current one for a while, without ending it.
        """
        self._begin()
        return entered(self._context())

    @abstractmethod
    def _start_fact(self, time_ns: int) -> Fact:
        """
        Tell the start.
        """

    @abstractmethod
    def _leave(self, error: BaseException | None) -> None:
        """
        Tell the end of the `with` block.
        """

    @property
    def _entered(self) -> bool:
        return bool(self._scopes)

    def _begin(self, time_ns: int | None = None) -> None:
        if self._begun_ns is None:
            self._begun_ns = self._made_ns if time_ns is None else time_ns
            with self._emitter.faults.contained("starting a recording"):
                self._inside = self._emitter.record(self._start_fact(self._begun_ns))

    def _context(self) -> Context:
        return otel.get_current() if self._inside is None else self._inside

    def _end(
        self, fact: Fact, *, error: BaseException | None = None, also: Fact | None = None
    ) -> None:
        self._begin()
        self._ended = True
        self._emitter.record(fact, error=error, also=also)
