"""
Pieces of work share transactions, and each is answered for itself once it is durable.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from backends import Backend
from otel_bridge_storage import commits
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.committer import Committer
from otel_bridge_storage.database import Database
from otel_bridge_storage.errors import DatabaseError, DatabaseUnavailableError
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.schema import counters
from sqlalchemy import Connection, insert, select, text, update

WAIT_S = 30.0
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def add(name: str) -> Callable[[Connection], str]:
    """
    Make a piece of work that adds a row.
    """

    def work(connection: Connection) -> str:
        connection.execute(insert(counters), {"name": name, "value": 0})
        return name

    return work


def names(database: Database) -> set[str]:
    """
    List the rows that were added.
    """
    with database.transaction() as connection:
        found = connection.execute(select(counters.c.name)).scalars()
        return {name for name in found if name.startswith("t-")}


@contextmanager
def committing(target: str | Path, **options: Any) -> Iterator[tuple[Committer, Database]]:
    """
    Open a database and what commits to it.
    """
    with open_database(target, busy_timeout_s=options.pop("busy_timeout_s", 10)) as database:
        committer = Committer(database, **options)
        try:
            yield committer, database
        finally:
            committer.close()


@contextmanager
def held(committer: Committer) -> Iterator[None]:
    """
    Keep the writer at a piece of work, so that everything after it waits.
    """
    go = threading.Event()
    at_work = threading.Event()

    def wait(_: Connection) -> None:
        at_work.set()
        assert go.wait(WAIT_S)

    future = committer.post(wait)
    assert at_work.wait(WAIT_S)
    try:
        yield
    finally:
        go.set()
        future.result(WAIT_S)


def test_what_waits_shares_a_transaction(backend: Backend) -> None:
    """
    All that waits while a transaction is under way is committed by the next one.
    """
    with committing(backend.target) as (committer, database):
        committed: list[None] = []
        stop = commits.listen(address_of(backend.target).key, lambda: committed.append(None))
        with held(committer):
            futures = [committer.post(add(f"t-{n}")) for n in range(50)]
        assert [f.result(WAIT_S) for f in futures] == [f"t-{n}" for n in range(50)]
        stop()
        assert len(committed) == 2
        assert len(names(database)) == 50


def test_failing_piece_fails_alone(backend: Backend) -> None:
    """
    One that raises is undone with all it wrote and told its own error; the others of its
    transaction are kept.
    """

    def fail(connection: Connection) -> None:
        add("t-half")(connection)
        raise ZeroDivisionError

    def clash(connection: Connection) -> None:
        add("t-other-half")(connection)
        add("t-0")(connection)

    with committing(backend.target) as (committer, database):
        with held(committer):
            first = committer.post(add("t-0"))
            failing = committer.post(fail)
            clashing = committer.post(clash)
            wrong = committer.post(lambda c: c.execute(text("SELECT nothing FROM nowhere")))
            last = committer.post(add("t-1"))
        assert (first.result(WAIT_S), last.result(WAIT_S)) == ("t-0", "t-1")
        with pytest.raises(ZeroDivisionError):
            failing.result(WAIT_S)
        for future in (clashing, wrong):
            with pytest.raises(DatabaseError, match="cannot write") as caught:
                future.result(WAIT_S)
            assert not isinstance(caught.value, DatabaseUnavailableError)
        assert names(database) == {"t-0", "t-1"}


def test_answer_comes_after_the_commit(tmp_path: Path) -> None:
    """
    When a piece is answered, another connection to the file sees what it wrote.
    """
    path = tmp_path / "runs.db"
    with committing(path) as (committer, _), closing(sqlite3.connect(path)) as other:
        for number in range(20):
            name = committer.post(add(f"t-{number}")).result(WAIT_S)
            rows = other.execute("SELECT 1 FROM counters WHERE name = ?", (name,))
            assert rows.fetchall() == [(1,)]


async def test_cancelled_task_takes_its_work_back(backend: Backend) -> None:
    """
    What was cancelled before it began is not done; what came with it is.
    """
    with committing(backend.target) as (committer, database):
        with held(committer):
            cancelled = asyncio.ensure_future(committer.submit(add("t-cancelled")))
            kept = asyncio.ensure_future(committer.submit(add("t-kept")))
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
        assert await kept == "t-kept"
        assert names(database) == {"t-kept"}


def test_many_event_loops(backend: Backend) -> None:
    """
    Event loops of several threads use one committer at the same time.
    """

    async def several(number: int) -> None:
        await asyncio.gather(*[committer.submit(add(f"t-{number}-{n}")) for n in range(20)])

    with committing(backend.target) as (committer, database):
        threads = [threading.Thread(target=lambda n=n: asyncio.run(several(n))) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert len(names(database)) == 80


def test_lock_is_waited_for(tmp_path: Path) -> None:
    """
    While somebody else holds the file, work waits longer than one try lasts.
    """
    path = tmp_path / "runs.db"
    with committing(path, busy_timeout_s=0.01) as (committer, database):
        tries = threading.Semaphore(0)
        vanished = database.vanished

        def count() -> bool:
            tries.release()
            return vanished()

        database.vanished = count  # type: ignore[method-assign]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            future = committer.post(add("t-0"))
            assert all(tries.acquire(timeout=WAIT_S) for _ in range(4))
            assert not future.done()
            other.execute("ROLLBACK")
        assert future.result(WAIT_S) == "t-0"


def test_lock_is_waited_for_so_long(tmp_path: Path) -> None:
    """
    When patience is over, all that waited is told that the database cannot be used now,
    and later work is done.
    """
    path = tmp_path / "runs.db"
    with committing(path, busy_timeout_s=0.01, patience_s=0) as (committer, database):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            futures = [committer.post(add(f"t-{n}")) for n in range(3)]
            for future in futures:
                with pytest.raises(DatabaseUnavailableError, match="locked"):
                    future.result(WAIT_S)
            other.execute("ROLLBACK")
        committer.post(add("t-later")).result(WAIT_S)
        assert names(database) == {"t-later"}


def test_failed_transaction_keeps_nothing(tmp_path: Path) -> None:
    """
    When the disk is full, everything of the transaction is told so and nothing is kept.
    """

    def fill(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.execute(insert(counters), {"name": "x" * 10**6, "value": 0})

    with committing(tmp_path / "runs.db") as (committer, database):
        with held(committer):
            futures = [committer.post(work) for work in (add("t-0"), fill, add("t-1"))]
        for future in futures:
            with pytest.raises(DatabaseUnavailableError, match="full"):
                future.result(WAIT_S)
        assert names(database) == set()
        database.suspend()
        committer.post(add("t-later")).result(WAIT_S)
        assert names(database) == {"t-later"}


def test_closing_finishes_what_waits(backend: Backend) -> None:
    """
    Closing answers all that was handed over; what comes later is refused.
    """
    with committing(backend.target) as (committer, database):
        with held(committer):
            futures = [committer.post(add(f"t-{n}")) for n in range(10)]
            closer = threading.Thread(target=committer.close)
            closer.start()
        closer.join(WAIT_S)
        assert all(future.done() for future in futures)
        with pytest.raises(DatabaseError, match="closed"):
            committer.post(add("t-late"))
        assert len(names(database)) == 10


def test_deleted_file_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    After the file was deleted, work goes into a new one instead of nowhere, with a word.
    """
    path = tmp_path / "runs.db"
    with committing(path) as (committer, database):
        committer.post(add("t-0")).result(WAIT_S)
        database.suspend()
        for file in tmp_path.iterdir():
            file.unlink()
        committer.post(add("t-1")).result(WAIT_S)
        with closing(sqlite3.connect(path)) as other:
            rows = other.execute("SELECT name FROM counters WHERE name LIKE 't-%'").fetchall()
        assert rows == [("t-1",)]
        assert "was deleted or replaced" in caplog.text


def test_lost_connection_is_made_again(postgres_url: str, tmp_path: Path) -> None:
    """
    When the server has cut the connection while it was idle, the next piece is done all
    the same.
    """
    backend = Backend("postgresql", tmp_path, postgres_url)
    try:
        with committing(backend.target) as (committer, database):
            own = committer.post(lambda c: c.execute(text("SELECT pg_backend_pid()")).scalar_one())
            with open_database(backend.target) as other, other.transaction() as connection:
                connection.execute(text("SELECT pg_terminate_backend(:p)"), {"p": own.result(9)})
            assert committer.post(add("t-0")).result(WAIT_S) == "t-0"
            assert names(database) == {"t-0"}
    finally:
        backend.close()


@needs_fork
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_forked_child_goes_on(tmp_path: Path) -> None:
    """
    Parent and child both go on writing after a fork, and nothing is lost or done twice.
    """
    with committing(tmp_path / "runs.db") as (committer, database):
        waiting = [committer.post(add(f"t-before-{n}")) for n in range(20)]
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for number in range(20):
                    committer.post(add(f"t-child-{number}")).result(WAIT_S)
                code = 0
            finally:
                os._exit(code)
        after = [committer.post(add(f"t-after-{n}")) for n in range(20)]
        for future in waiting + after:
            future.result(WAIT_S)
        assert os.waitpid(child, 0)[1] == 0
        assert len(names(database)) == 60


@needs_fork
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_memory_is_not_written_by_a_child() -> None:
    """
    A child cannot write to a database in its parent's memory, and is told so.
    """
    with committing("memory://forked") as (committer, database):
        child = os.fork()
        if child == 0:
            try:
                committer.post(add("t-child"))
            except DatabaseError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        committer.post(add("t-parent")).result(WAIT_S)
        assert names(database) == {"t-parent"}


def test_pieces_see_each_other(backend: Backend) -> None:
    """
    Pieces of one transaction run one after another, each on what the last has left.
    """

    def count(connection: Connection) -> int:
        connection.execute(
            update(counters).where(counters.c.name == "log").values(value=counters.c.value + 1)
        )
        query = select(counters.c.value).where(counters.c.name == "log")
        return int(connection.execute(query).scalar_one())

    with committing(backend.target) as (committer, _):
        with held(committer):
            futures = [committer.post(count) for _ in range(20)]
        values = [future.result(WAIT_S) for future in futures]
        assert values == list(range(values[0], values[0] + 20))
