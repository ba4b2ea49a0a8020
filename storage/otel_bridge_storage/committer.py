"""
Writes of many tasks that share transactions, so that they share the wait for the disk.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from otel_bridge_storage.database import Database, may_pass
from otel_bridge_storage.database_faults import as_sqlalchemy, is_locked, write_error
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.forking import survive_forks
from otel_bridge_storage.holding import HoldableWork

T = TypeVar("T")
Work = Callable[[Connection], T]

PATIENCE_S = 30.0
_MOST_IN_ONE = 1000
_PAUSE_S = 0.01
_IDLE_S = 10.0
_HOLD_S = 2.0


class Committer:
    """
    Runs pieces of work in transactions of a database, all that wait in one.

    Each piece has a savepoint: one that raises is undone alone. A piece is answered after
    its transaction has committed, so that what is acknowledged is durable. Pieces run one
    at a time, in the order in which they came, on one thread; a piece may run more than
    once before it is answered, and so must do nothing but read and write its connection.

    Any thread and any event loop may use it. A forked child goes on with a thread of its
    own; what waited at the fork is the parent's to write.

    Args:
        database: Where to; not closed by this.
        patience_s: How long to try again while others lock the database.
    """

    def __init__(
        self,
        database: Database,
        *,
        patience_s: float = PATIENCE_S,
        name: str = "otel-bridge-committer",
    ) -> None:
        self._database = database
        self._patience_s = patience_s
        self._name = name
        self._held = False
        self._refusal: str | None = None
        self._reset()
        survive_forks(self)

    async def submit(self, work: Work[T]) -> T:
        """
        Run a piece of work, and give what it returned once that is durable.

        A task that is cancelled before its work has begun takes it back.

        Raises:
            DatabaseUnavailableError: The database cannot be written now.
            DatabaseError: It cannot be written, or the committer is closed.
            Exception: Whatever the work raised; what it had written is undone.
        """
        return await asyncio.wrap_future(self.post(work))

    def post(self, work: Work[T]) -> "Future[T]":
        """
        Hand over a piece of work from code that is not async, and wait for nothing.

        Raises:
            DatabaseError: The committer is closed.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._refusal is not None:
                raise DatabaseError(self._refusal)
            self._waiting.append(_Piece(work, future))
            if self._thread is None:
                self._start()
            elif self._sleeping:
                self._changed.notify_all()
        return future

    def close(self) -> None:
        """
        Wait until all that was handed over is answered, and take nothing more.
        """
        with self._changed:
            if self._refusal is None:
                self._refusal = f"what wrote to {self._database.address} is closed: open it again"
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def before_fork(self) -> None:
        """
        Close the database, which must not be open across a fork.
        """
        self._held = self._work.hold(_HOLD_S)
        if self._held:
            self._database.suspend()

    def after_fork_in_parent(self) -> None:
        """
        Go on.
        """
        if self._held:
            self._held = False
            self._work.release()

    def after_fork_in_child(self) -> None:
        """
        Begin anew, if the database can be used here.
        """
        held, self._held = self._held, False
        self._reset()
        if not held or not self._database.survives_forks:
            why = "was being written at the fork" if not held else "is of the parent process"
            self._refusal = self._refusal or (
                f"{self._database.address} {why}, and cannot be used here: open it again"
            )

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[_Piece] = deque()
        self._thread: threading.Thread | None = None
        self._sleeping = False
        self._work = HoldableWork()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._waiting.clear()
            raise DatabaseError(
                f"cannot write to {self._database.address} any more: the program is ending"
            ) from error
        self._thread = thread

    def _run(self) -> None:
        while group := self._next():
            with self._work.piece():
                _answer(self._commit_patiently(group))
            # What was answered must not be kept alive until the next group.
            del group

    def _next(self) -> "Sequence[_Piece]":
        """
        Take all that waits; the thread ends where nothing comes for a while.
        """
        with self._changed:
            while True:
                if not self._waiting and self._refusal is None:
                    self._sleeping = True
                    self._changed.wait(_IDLE_S)
                    self._sleeping = False
                count = min(len(self._waiting), _MOST_IN_ONE)
                taken = [self._waiting.popleft() for _ in range(count)]
                if not taken:
                    self._thread = None
                    return ()
                if group := [p for p in taken if p.future.set_running_or_notify_cancel()]:
                    return group

    def _commit_patiently(self, group: "Sequence[_Piece]") -> "Sequence[_Answer]":
        deadline = time.monotonic() + self._patience_s
        first = True
        while True:
            begun: list[_Answer] = []
            try:
                self._commit(group, begun)
            except DBAPIError as error:
                # A connection may have been lost while it was idle, which shows before
                # anything is written; after that only a lock leaves no doubt.
                lost = first and not begun and may_pass(error)
                if not lost and (not is_locked(error) or time.monotonic() > deadline):
                    return [_failed(p, write_error(self._database.address, error)) for p in group]
                first = False
                time.sleep(_PAUSE_S)
            except BaseException as error:  # noqa: BLE001 - told to everyone who waits
                return [_failed(piece, error) for piece in group]
            else:
                return begun

    def _commit(self, group: "Sequence[_Piece]", answers: "list[_Answer]") -> None:
        self._database.begin_anew_if_vanished()
        with self._database.transaction() as connection:
            for piece in group:
                answers.append(self._try(connection, piece))

    def _try(self, connection: Connection, piece: "_Piece") -> "_Answer":
        # `begin_nested` costs as much as the rest of a small piece.
        cursor = connection.connection.cursor()
        try:
            cursor.execute("SAVEPOINT piece")
            try:
                answer = _Answer(piece.future, piece.work(connection), None)
            except BaseException as error:
                fault = as_sqlalchemy(connection, error)
                if fault is not None and may_pass(fault):
                    raise fault from error
                cursor.execute("ROLLBACK TO SAVEPOINT piece")
                told = error if fault is None else write_error(self._database.address, fault)
                answer = _failed(piece, told)
            cursor.execute("RELEASE SAVEPOINT piece")
        finally:
            cursor.close()
        return answer


@dataclass(frozen=True, slots=True)
class _Piece:
    work: Work[Any]
    future: "Future[Any]"


@dataclass(frozen=True, slots=True)
class _Answer:
    future: "Future[Any]"
    result: Any
    error: BaseException | None


def _failed(piece: _Piece, error: BaseException) -> _Answer:
    return _Answer(piece.future, None, error)


def _answer(answers: Sequence[_Answer]) -> None:
    for answer in answers:
        if answer.error is None:
            answer.future.set_result(answer.result)
        else:
            answer.future.set_exception(answer.error)
