"""
What all stores of run events have in common: arguments are checked, then hooks are called.
"""

import abc
from collections.abc import Iterable, Mapping
from typing import Any

from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.run_events.event import NewEvent, checked_batch, checked_id
from otel_bridge_storage.run_events.interface import Record, RunEventStore
from otel_bridge_storage.run_events.paging import EventQuery, Window


class CheckedRunEventStore(RunEventStore):
    """
    A store whose hooks get nothing but checked arguments.

    A backend implements the hooks, the methods whose names begin with an underscore. The
    records they return belong to the caller.

    Args:
        name: What to call the store in errors.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._closed = False

    async def put(
        self,
        *,
        thread_id: str,
        run_id: str,
        event_type: str,
        category: str,
        content: Any = "",
        metadata: dict[str, Any] | None = None,
        created_at: str | None = None,
    ) -> Record:
        """
        Check an event and write it.
        """
        checked = NewEvent.checked(
            thread_id=thread_id,
            run_id=run_id,
            event_type=event_type,
            category=category,
            content=content,
            metadata=metadata,
            created_at=created_at,
        )
        self._check_open()
        return (await self._append([checked]))[0]

    async def put_batch(self, events: Iterable[Mapping[str, Any]]) -> list[Record]:
        """
        Check events and write them, all or none.
        """
        checked = checked_batch(events)
        self._check_open()
        return await self._append(checked) if checked else []

    async def put_if_absent(
        self,
        *,
        thread_id: str,
        run_id: str,
        event_type: str,
        category: str,
        content: Any = "",
        metadata: dict[str, Any] | None = None,
        created_at: str | None = None,
    ) -> tuple[Record, bool]:
        """
        Check an event and write it unless the run has one of its type.
        """
        checked = NewEvent.checked(
            thread_id=thread_id,
            run_id=run_id,
            event_type=event_type,
            category=category,
            content=content,
            metadata=metadata,
            created_at=created_at,
        )
        self._check_open()
        return await self._append_if_absent(checked)

    async def list_messages(
        self,
        thread_id: str,
        *,
        limit: int | None = 50,
        before_seq: int | None = None,
        after_seq: int | None = None,
    ) -> list[Record]:
        """
        Check the arguments and list a thread's messages.
        """
        thread_id = checked_id(thread_id, "thread_id")
        window = Window.checked(limit, before_seq, after_seq)
        self._check_open()
        return await self._messages(thread_id, None, window)

    async def list_events(
        self,
        thread_id: str,
        run_id: str,
        *,
        event_types: Iterable[str] | None = None,
        limit: int | None = 500,
        after_seq: int | None = None,
        task_id: str | None = None,
    ) -> list[Record]:
        """
        Check the arguments and list a run's events.
        """
        thread_id, run_id = checked_id(thread_id, "thread_id"), checked_id(run_id, "run_id")
        query = EventQuery.checked(event_types, limit, after_seq, task_id)
        self._check_open()
        return await self._events(thread_id, run_id, query)

    async def list_messages_by_run(
        self,
        thread_id: str,
        run_id: str,
        *,
        limit: int | None = None,
        before_seq: int | None = None,
        after_seq: int | None = None,
    ) -> list[Record]:
        """
        Check the arguments and list a run's messages.
        """
        thread_id, run_id = checked_id(thread_id, "thread_id"), checked_id(run_id, "run_id")
        window = Window.checked(limit, before_seq, after_seq)
        self._check_open()
        return await self._messages(thread_id, run_id, window)

    async def count_messages(self, thread_id: str) -> int:
        """
        Count a thread's messages.
        """
        thread_id = checked_id(thread_id, "thread_id")
        self._check_open()
        return await self._count_messages(thread_id)

    async def delete_by_thread(self, thread_id: str) -> int:
        """
        Delete a thread's events.
        """
        thread_id = checked_id(thread_id, "thread_id")
        self._check_open()
        return await self._delete(thread_id, None)

    async def delete_by_run(self, thread_id: str, run_id: str) -> int:
        """
        Delete a run's events.
        """
        thread_id, run_id = checked_id(thread_id, "thread_id"), checked_id(run_id, "run_id")
        self._check_open()
        return await self._delete(thread_id, run_id)

    async def close(self) -> None:
        """
        Let go of what the store holds; once is enough.
        """
        if not self._closed:
            self._closed = True
            await self._close()

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseError(f"the store of {self._name} is closed: open another")

    @abc.abstractmethod
    async def _append(self, events: list[NewEvent]) -> list[Record]:
        """
        Write one event or more, all or none, and return their records once durable.
        """

    @abc.abstractmethod
    async def _append_if_absent(self, event: NewEvent) -> tuple[Record, bool]:
        """
        Write an event, or find the first of its type in its run.
        """

    @abc.abstractmethod
    async def _messages(self, thread_id: str, run_id: str | None, window: Window) -> list[Record]:
        """
        List messages of a thread, or of one run of it.
        """

    @abc.abstractmethod
    async def _events(self, thread_id: str, run_id: str, query: EventQuery) -> list[Record]:
        """
        List events of a run.
        """

    @abc.abstractmethod
    async def _count_messages(self, thread_id: str) -> int:
        """
        Count the messages of a thread.
        """

    @abc.abstractmethod
    async def _delete(self, thread_id: str, run_id: str | None) -> int:
        """
        Delete the events of a thread, or of one run of it, but not the last number.
        """

    @abc.abstractmethod
    async def _close(self) -> None:
        """
        Let go of what is held; called once.
        """
