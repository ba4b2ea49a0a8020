"""
The handle of an LLM call.
"""

import weakref
from collections.abc import AsyncIterable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar, overload

from otel_bridge_storage.facts import LLMCallCompleted, LLMCallFailed, LLMCallStarted
from otel_bridge_storage.readings import Usage

from otel_bridge import arguments
from otel_bridge.emitter import Emitter
from otel_bridge.failures import error_message, error_type
from otel_bridge.handle import Handle
from otel_bridge.responses import Response, read_response, read_usage
from otel_bridge.responses.response import usage_fields
from otel_bridge.streaming import AsyncRecordedStream, RecordedChunks, RecordedStream

T = TypeVar("T")


class CallHandle(Handle):
    """
    One request to a model.

    `response` and `stream` read what the client gives and hand it on unchanged;
    `usage` and `output` are for what they cannot read.
    """

    def __init__(self, emitter: Emitter, started: LLMCallStarted) -> None:
        super().__init__(emitter)
        self._started = started
        self._known: dict[str, Any] = {}
        self._streaming = False
        self._chunks: weakref.ref[RecordedChunks] | None = None

    @property
    def id(self) -> str:
        """
        The id of the call.
        """
        return self._started.call_id

    def response(self, response: T) -> T:
        """
        Read a response of the `openai` or `anthropic` client, or a dict of that shape.

        Returns:
            The response itself.
        """
        self._begin()
        with self._emitter.faults.contained("reading a response"):
            self._learn(read_response(response))
        self._end_unless_entered()
        return response

    @overload
    def stream(self, stream: AsyncIterable[T]) -> AsyncIterable[T]: ...

    @overload
    def stream(self, stream: Iterable[T]) -> Iterable[T]: ...

    def stream(self, stream: Any) -> Any:
        """
        Read a streamed response while it is consumed.

        The call ends when the stream does, or when its consumer stops; until then it
        stays open, also beyond the `with` block.

        Args:
            stream: What the client returned: an iterable or async iterable of chunks, or
                a context manager that gives one.

        Returns:
            A stream of the same chunks, which otherwise behaves as the one given.
        """
        self._begin()
        make: type[AsyncRecordedStream] | type[RecordedStream]
        if _has(stream, "__aiter__", "__aenter__"):
            make = AsyncRecordedStream
        elif _has(stream, "__iter__", "__enter__"):
            make = RecordedStream
        else:
            return self.response(stream)
        self._streaming = True
        recorded = make(
            stream,
            faults=self._emitter.faults,
            on_first=self._note_first_chunk,
            on_end=self._stream_ended,
            defer=self._emitter.deferred.add,
        )
        self._chunks = weakref.ref(recorded)
        return recorded

    def usage(
        self,
        usage: object = None,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        cache_write_1h_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        cost_usd: float | None = None,
    ) -> None:
        """
        Tell how many tokens the call used.

        Args:
            usage: A client's usage object, or a dict of that shape.
            input_tokens: Cache included.
            output_tokens: Reasoning included.
            cost_usd: What the provider says the call cost, USD.
        """
        self._begin()
        with self._emitter.faults.contained("reading usage"):
            self._known.update(usage_fields(read_usage(usage)))
            told = Usage(
                input_tokens=arguments.whole(input_tokens),
                output_tokens=arguments.whole(output_tokens),
                cache_read_tokens=arguments.whole(cache_read_tokens),
                cache_write_tokens=arguments.whole(cache_write_tokens),
                cache_write_1h_tokens=arguments.whole(cache_write_1h_tokens),
                reasoning_tokens=arguments.whole(reasoning_tokens),
            )
            self._known.update(usage_fields(told))
            self._learn(Response(cost_usd=arguments.real(cost_usd)))

    def output(
        self,
        output: object,
        *,
        model: str | None = None,
        response_id: str | None = None,
        finish_reasons: Sequence[str] | None = None,
    ) -> None:
        """
        Tell what the model answered, as text or messages.
        """
        self._begin()
        self._known["output"] = output
        self._learn(
            Response(
                model=arguments.text(model),
                response_id=arguments.text(response_id),
                finish_reasons=arguments.tags(finish_reasons),
            )
        )

    def note(self, result: object) -> None:
        """
        Keep what the model answered, to be told at its end.
        """
        self._known["output"] = result

    def fail(self, error: BaseException | str | None = None) -> None:
        """
        Tell that the call failed.
        """
        if not self._ended:
            self._failed(error)

    def close(self) -> None:
        """
        End a call that was not entered with `with`.
        """
        if not self._ended and not self._streaming:
            self._completed()

    def _start_fact(self, time_ns: int) -> LLMCallStarted:

        return replace(self._started, time_ns=time_ns)

    def _leave(self, error: BaseException | None) -> None:
        self._emitter.deferred.settle()
        chunks = self._chunks and self._chunks()
        if chunks and chunks.begun:
            chunks.finish()
        # A consumer that stops reading is no failure of the model.
        if error is not None and not isinstance(error, GeneratorExit):
            self._failed(error)
        elif not self._streaming:
            self._completed()

    def _learn(self, response: Response) -> None:
        self._known.update(response.fields())

    def _note_first_chunk(self) -> None:
        if self._begun_ns is not None:
            waited = max(0, self._emitter.clock() - self._begun_ns)
            self._known.setdefault("time_to_first_chunk_s", waited / 1e9)

    def _stream_ended(self, response: Response, error: BaseException | None) -> None:
        self._streaming = False
        self._learn(response)
        if error is not None:
            self.fail(error)
        else:
            self._end_unless_entered()

    def _end_unless_entered(self) -> None:
        if not self._entered and not self._ended and not self._streaming:
            self._completed()

    def _completed(self) -> None:
        self._end(self._completion())

    def _completion(self) -> LLMCallCompleted:
        return LLMCallCompleted(
            run_id=self._started.run_id, call_id=self._started.call_id, **self._known
        )

    def _failed(self, error: BaseException | str | None) -> None:
        raised = error if isinstance(error, BaseException) else None
        fact = LLMCallFailed(
            run_id=self._started.run_id,
            call_id=self._started.call_id,
            error_type="_OTHER" if raised is None else error_type(raised),
            error_message=arguments.text(error) or "" if raised is None else error_message(raised),
        )
        self._end(fact, error=raised, also=self._completion())


def _has(thing: object, *names: str) -> bool:
    with suppress(Exception):
        return any(hasattr(thing, name) for name in names)
    return False
