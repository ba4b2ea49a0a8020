"""
Requests that wait for the disk together.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class GroupCommit(Generic[Request, Answer]):
    """
    Writes what was asked for while the last write was under way in one go.

    At most one thread of the event loop's executor is at work. Several event loops may
    share one. A request whose task is cancelled before its write has begun is dropped.

    Args:
        write: Writes requests, in order, and answers each; blocks.
    """

    def __init__(self, write: Callable[[Sequence[Request]], Sequence[Answer]]) -> None:
        self._write = write
        self._lock = Lock()
        self._waiting: list[tuple[Request, Future[Answer]]] = []
        self._working = False

    async def submit(self, request: Request) -> Answer:
        """
        Wait until a request is written, and give its answer.

        Raises:
            Exception: What the write raised, for all that it was to write.
        """
        future: Future[Answer] = Future()
        with self._lock:
            self._waiting.append((request, future))
            begin, self._working = not self._working, True
        if begin:
            try:
                asyncio.get_running_loop().run_in_executor(None, self._work)
            except RuntimeError as error:
                self._fail_all(error)
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while group := self._next():
            try:
                answers = self._write([request for request, _ in group])
            except BaseException as error:  # noqa: BLE001 - told to everyone who waits
                for _, future in group:
                    future.set_exception(error)
            else:
                for (_, future), answer in zip(group, answers, strict=True):
                    future.set_result(answer)

    def _next(self) -> list[tuple[Request, Future[Answer]]]:
        """
        Take all that waits; the work ends where that is nothing.
        """
        with self._lock:
            while self._waiting:
                taken, self._waiting = self._waiting, []
                if group := [each for each in taken if each[1].set_running_or_notify_cancel()]:
                    return group
            self._working = False
            return []

    def _fail_all(self, error: Exception) -> None:
        with self._lock:
            taken, self._waiting, self._working = self._waiting, [], False
        for _, future in taken:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
