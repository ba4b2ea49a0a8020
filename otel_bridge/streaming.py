"""
Streams of a client that are read while somebody else consumes them.
"""

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from otel_bridge.failures import Faults
from otel_bridge.responses import Response, StreamReader, read_response

_SNAPSHOTS = ("current_message_snapshot", "current_completion_snapshot")

OnEnd = Callable[[Response, BaseException | None], None]


class RecordedChunks:
    """
    What has been seen of a stream; told once, when it ends.

    Args:
        on_first: Called at the first chunk.
        on_end: Told what the chunks amount to, and the error that ended them.
        defer: Takes what is to be done at a safe moment: a stream that is dropped is
            finished by the garbage collector, which may run anywhere.
    """

    def __init__(
        self,
        stream: Any,
        *,
        faults: Faults,
        on_first: Callable[[], None],
        on_end: OnEnd,
        defer: Callable[[Callable[[], None]], None],
    ) -> None:
        self._stream = stream
        self._faults = faults
        self._defer = defer
        self._iterator: Any = None
        self._on_first = on_first
        self._on_end = on_end
        self._reader = StreamReader()
        self._over = False
        self._exhausted = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._stream, name)

    @property
    def begun(self) -> bool:
        """
        Whether a chunk has been consumed.
        """
        return self._reader.chunks > 0

    def finish(self, error: BaseException | None = None) -> None:
        """
        Tell what has been seen, once; chunks that follow are not recorded.
        """
        if self._over:
            return
        self._over = True
        response = Response()
        with self._faults.contained("reading a stream"):
            response = self._amount()
        with self._faults.contained("ending a stream"):
            self._on_end(response, error)

    def __del__(self) -> None:
        if vars(self).get("_over") is False:
            self._defer(self._abandoned())

    def _abandoned(self) -> Callable[[], None]:
        """
        Finish a stream that nobody holds any more, without bringing it back to life.
        """
        self._over = True
        reader, on_end = self._reader, self._on_end
        return lambda: on_end(reader.response(), None)

    def _saw(self, chunk: object) -> None:
        with self._faults.contained("reading a chunk of a stream"):
            if not self.begun:
                self._on_first()
            self._reader.add(chunk)

    def _amount(self) -> Response:
        """
        Say what was seen; the whole answer where a helper of the client has it.
        """
        for name in _SNAPSHOTS if not self._exhausted else ():
            with suppress(AssertionError):  # how the clients say that there is none yet
                whole = read_response(getattr(self._stream, name, None))
                if whole.finish_reasons:
                    return whole
        return self._reader.response()


class RecordedStream(RecordedChunks):
    """
    A stream of the same chunks as the one given.
    """

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            if self._iterator is None:
                self._iterator = iter(self._stream)
            chunk = next(self._iterator)
        except StopIteration:
            self._exhausted = True
            self.finish()
            raise
        except BaseException as error:
            self.finish(error)
            raise
        self._saw(chunk)
        return chunk

    def __enter__(self) -> Self:
        try:
            inner = self._stream.__enter__()
        except BaseException as error:
            self.finish(error)
            raise
        self._manager, self._stream = self._stream, inner
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        self.finish()
        return self._manager.__exit__(kind, error, traceback)

    def close(self) -> None:
        """
        Close the stream.
        """
        self.finish()
        close = getattr(self._stream, "close", None)
        if callable(close):
            close()


class AsyncRecordedStream(RecordedChunks):
    """
    An async stream of the same chunks as the one given.
    """

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            if self._iterator is None:
                self._iterator = aiter(self._stream)
            chunk = await anext(self._iterator)
        except StopAsyncIteration:
            self._exhausted = True
            self.finish()
            raise
        except BaseException as error:
            self.finish(error)
            raise
        self._saw(chunk)
        return chunk

    async def __aenter__(self) -> Self:
        try:
            inner = await self._stream.__aenter__()
        except BaseException as error:
            self.finish(error)
            raise
        self._manager, self._stream = self._stream, inner
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        self.finish()
        return await self._manager.__aexit__(kind, error, traceback)

    async def close(self) -> None:
        """
        Close the stream.
        """
        self.finish()
        close = getattr(self._stream, "close", None) or getattr(self._stream, "aclose", None)
        if callable(close):
            await close()

    async def aclose(self) -> None:
        """
        Close the stream.
        """
        await self.close()
