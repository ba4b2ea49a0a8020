"""
`RunEventStore`: what every store of run events promises.
"""

import abc
from collections.abc import Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Self

Record = dict[str, Any]


class RunEventStore(abc.ABC):
    """
    Keeps the events of runs, numbered within their thread.

    A record is a dict of `thread_id`, `run_id`, `seq`, `event_type`, `category`,
    `content`, `metadata` and `created_at`. Whatever the store:

    - What `put` returned, later reads find, in this process and in others.
    - A thread's events are numbered 1, 2, 3 … in the order of commit. A number is given
      once: deleting events does not free theirs, not even `delete_by_thread`, since a
      reader that polls with `after_seq` would otherwise never see the new ones.
    - A batch is written whole or not at all.
    - Records are copies; neither they nor what was put in are tied to the store.
    - Every event is checked and brought into its final form before it is written, so
      that `put` returns what later reads return. See `put` for the rules.

    Lists are in the order of `seq`. A `limit` is a number from 1 on, or None for all.
    `after_seq` and `before_seq` are exclusive; with both, only what lies between is
    listed. With `after_seq` a limit keeps the first ones, otherwise the last ones.
    `QueryError` is raised for arguments that make no sense, `DatabaseError` where a
    store cannot be read or written, or is closed.
    """

    @staticmethod
    def from_url(url: str | PathLike[str]) -> "RunEventStore":
        """
        Make the store that a URL names; it is opened at its first use.

        Args:
            url: `memory://`, `jsonl:///absolute/folder`, `jsonl:relative/folder`, or of a
                scheme registered with `otel_bridge_storage.run_events.registry`.

        Raises:
            DatabaseError: The URL is of no known kind.
        """
        from otel_bridge_storage.run_events.registry import event_stores

        return event_stores.open(url)

    @abc.abstractmethod
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
        Write one event, and give its record once it is durable.

        Args:
            thread_id: Any text but the empty one, without NUL and lone surrogates; the
                next three as well.
            run_id: The run, within the thread.
            event_type: Such as "llm.ai.response".
            category: "message" is what people see; the rest is for who looks closer.
            content: Text, or anything else that JSON can hold. Tuples become lists, lone
                surrogates question marks.
            metadata: An object, the caller's alone.
            created_at: RFC 3339 with an offset; what is not in UTC is brought into it.
                Now, if None.

        Raises:
            QueryError: The event breaks a rule; nothing was written.
        """

    @abc.abstractmethod
    async def put_batch(self, events: Iterable[Mapping[str, Any]]) -> list[Record]:
        """
        Write several events, of one thread or many, all or none.

        Args:
            events: Dicts with the arguments of `put`.

        Returns:
            The records, in the order of the events.

        Raises:
            QueryError: One of the events breaks a rule; nothing was written.
        """

    @abc.abstractmethod
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
        Write an event unless the run has one of its type.

        Returns:
            The first event of that type in the run, and whether it was written now.

        Raises:
            QueryError: The event breaks a rule.
        """

    @abc.abstractmethod
    async def list_messages(
        self,
        thread_id: str,
        *,
        limit: int | None = 50,
        before_seq: int | None = None,
        after_seq: int | None = None,
    ) -> list[Record]:
        """
        List a thread's events of category "message", by default the latest.
        """

    @abc.abstractmethod
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
        List the events of a run from its first, or from the first after `after_seq`.

        Args:
            event_types: Only these; an empty list matches nothing.
            task_id: Only those whose `metadata["task_id"]` is this text.
        """

    @abc.abstractmethod
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
        List a run's events of category "message", by default all.
        """

    @abc.abstractmethod
    async def count_messages(self, thread_id: str) -> int:
        """
        Count a thread's events of category "message".
        """

    @abc.abstractmethod
    async def delete_by_thread(self, thread_id: str) -> int:
        """
        Delete the events of a thread, and say how many they were.

        The numbering of the thread goes on where it was.
        """

    @abc.abstractmethod
    async def delete_by_run(self, thread_id: str, run_id: str) -> int:
        """
        Delete the events of a run, and say how many they were.
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """
        Let go of what the store holds; every later use raises `DatabaseError`.
        """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
