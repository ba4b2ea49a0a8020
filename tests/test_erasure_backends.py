"""
Erasing, rebuilding and checking on every kind of database.
"""

from typing import Any

import pytest
from backends import Backend, picture, store, table
from otel_bridge_storage.erasure import erase, prune
from otel_bridge_storage.errors import DatabaseNotFoundError
from otel_bridge_storage.integrity import check
from otel_bridge_storage.opening import open_database, open_existing
from otel_bridge_storage.records import SpanRecord
from stored import PRICER, READER
from trees import NOON, agent, chat, message, span, tool

import otel_bridge

DAY_NS = 24 * 3600 * 10**9


def run_of(trace: int, session: str, word: str) -> list[SpanRecord]:
    """
    Make a run whose texts are full of a word.
    """
    said = {"gen_ai.input.messages": message("user", word * 60), "user.id": f"user-{session}"}
    return [
        span(trace, 1, **agent("a", **{"gen_ai.conversation.id": session, **said})),
        span(trace, 2, 1, **chat(f"{word}-{trace}", 5, note=word * 70)),
        span(trace, 3, 1, **tool(f"tool-{word}")),
    ]


@pytest.mark.parametrize(
    "what", [{"session_id": "s1"}, {"user_id": "user-s1"}, {"before_ns": NOON + DAY_NS}], ids=str
)
def test_what_is_left_is_as_if_alone(backend: Backend, what: dict[str, Any]) -> None:
    """
    After an erasure by name or age the rest is what it would have been alone, no text of
    the other is in any table, and the database is whole.
    """
    late = [
        span(3, 1, start_ns=NOON + 9 * DAY_NS, **agent("late", **{"gen_ai.conversation.id": "s3"}))
    ]
    stays = late if "before_ns" in what else [*run_of(2, "s2", "pear "), *late]
    store(backend.target, [[*run_of(1, "s1", "apple "), *run_of(2, "s2", "pear "), *late]])
    with open_existing(backend.target) as database:
        work = prune if "before_ns" in what else erase
        work(database, reader=READER, pricer=PRICER, **what)
        alone = backend.fresh()
        store(alone, [stays])
        assert picture(backend.target) == picture(alone)
        assert check(backend.target) == []
        assert not [row for row in table(backend.target, "messages") if "apple" in row["body"]]


def test_a_rebuild_changes_nothing_that_is_right(backend: Backend) -> None:
    """
    A rebuild leaves every row as it is, and takes no database for granted.
    """
    store(backend.target, [[*run_of(1, "s1", "apple "), *run_of(2, "s2", "pear ")]])
    with open_database(backend.target):
        before = picture(backend.target)
        assert otel_bridge.rebuild(backend.target).spans == 6
        assert picture(backend.target) == before


def test_upkeep_makes_no_database(backend: Backend) -> None:
    """
    Where nothing was ever recorded, upkeep says so and makes nothing.
    """
    target = "memory://nobody" if backend.target.startswith("memory") else backend.fresh()
    with pytest.raises(DatabaseNotFoundError):
        otel_bridge.rebuild(target)
    with pytest.raises(DatabaseNotFoundError):
        otel_bridge.rebuild(target)
