"""
Making, changing and deleting threads, within a transaction.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, update

from otel_bridge_storage.errors import ThreadExistsError, ThreadNotFoundError
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.thread_tables import thread_labels, threads
from otel_bridge_storage.threads.expiry import settled
from otel_bridge_storage.threads.protocol import ThreadRow
from otel_bridge_storage.threads.rows import labels, thread_row, written
from otel_bridge_storage.threads.ttl import Term, end_of

_INSERT = Rows(insert(threads))
_INSERT_LABELS = Rows(insert(thread_labels))
_DELETE_LABELS = Lookup(delete(thread_labels).where(KEYS), thread_labels.c.thread_id)
_CHANGED = ("status", "metadata", "config", "updated_ns", "state_updated_ns", "expires_ns")
_UPDATE = Rows(
    update(threads)
    .where(threads.c.thread_id == bindparam("of"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGED})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewThread:
    """
    A thread that is to be made, checked.
    """

    thread_id: str
    metadata: Mapping[str, Any]
    config: Mapping[str, Any]
    term: Term | None
    may_exist: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadChange:
    """
    What is to be changed of a thread, checked; None stays as it is.

    Attributes:
        merge: Whether metadata and config are added to what is there, key by key,
            instead of replacing it.
    """

    status: str | None = None
    metadata: Mapping[str, Any] | None = None
    config: Mapping[str, Any] | None = None
    mark_state_updated: bool = False
    merge: bool = False

    def changes_nothing(self) -> bool:
        """
        Whether there is nothing to do.
        """
        given = (self.status, self.metadata, self.config)
        return all(value is None for value in given) and not self.mark_state_updated


def create_thread(connection: Connection, new: NewThread, now_ns: int) -> ThreadRow:
    """
    Make a thread, or give the one that is there where it may be.

    Raises:
        ThreadExistsError: It is there and may not be.
    """
    found = settled(connection, new.thread_id, now_ns)
    if found is not None:
        if new.may_exist:
            return thread_row(found._asdict(), now_ns)
        raise ThreadExistsError(
            f"there is a thread {new.thread_id!r} already: choose another id, or ask for "
            "the one that is there with if_exists='do_nothing'"
        )
    length_ns = None if new.term is None else new.term.length_ns
    row = {
        "thread_id": new.thread_id,
        "created_ns": now_ns,
        "updated_ns": now_ns,
        "state_updated_ns": 0,
        "status": "idle",
        "metadata": written(new.metadata),
        "config": written(new.config),
        "ttl_strategy": None if new.term is None else new.term.strategy,
        "ttl_ns": length_ns,
        "expires_ns": end_of(length_ns, now_ns),
    }
    _INSERT.write(connection, [row])
    _INSERT_LABELS.write(connection, labels(new.thread_id, new.metadata))
    return thread_row(row, now_ns)


def update_thread(
    connection: Connection, thread_id: str, change: ThreadChange, now_ns: int
) -> None:
    """
    Change a thread; its time to live begins anew.

    Raises:
        ThreadNotFoundError: There is no such thread.
    """
    row = settled(connection, thread_id, now_ns)
    if row is None:
        raise no_thread(thread_id)
    # A clock that went back must not make a thread younger than it was.
    updated_ns = max(now_ns, row.updated_ns)
    metadata = _after(row.metadata, change.metadata, merge=change.merge)
    values = {
        "status": row.status if change.status is None else change.status,
        "metadata": metadata,
        "config": _after(row.config, change.config, merge=change.merge),
        "updated_ns": updated_ns,
        "state_updated_ns": updated_ns if change.mark_state_updated else row.state_updated_ns,
        "expires_ns": end_of(row.ttl_ns, updated_ns),
    }
    _UPDATE.write(connection, [{"of": thread_id} | {f"new_{k}": v for k, v in values.items()}])
    if metadata != row.metadata:
        _DELETE_LABELS.run(connection, [thread_id])
        _INSERT_LABELS.write(connection, labels(thread_id, json.loads(metadata)))


def no_thread(thread_id: str) -> ThreadNotFoundError:
    """
    Make the error for a thread that is not there.
    """
    return ThreadNotFoundError(
        f"there is no thread {thread_id!r}, or it has expired: create it first"
    )


def _after(stored: str, given: Mapping[str, Any] | None, *, merge: bool) -> str:
    if given is None:
        return stored
    return written({**json.loads(stored), **given} if merge else given)
