"""
Who is taken for dead, and when.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from otel_bridge_storage.dead_writers import SILENCE_S, dead_writers, is_dead
from otel_bridge_storage.liveness import Presence, Writer
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.schema import runs
from otel_bridge_storage.sqlite_files import open_reader
from recording_data import recorded, rows, value
from run_tables import row
from sqlalchemy import insert

HERE = socket.gethostname()
S = 1_000_000_000
NOW = 1_000_000 * S


@pytest.fixture(scope="module")
def gone_pid() -> Iterator[int]:
    """
    The id of a process that ended.
    """
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid  # type: ignore[return-value]


def test_a_living_process_of_this_host_is_alive() -> None:
    """
    A writer whose process is there and that was heard of lately lives.
    """
    assert not is_dead(HERE, os.getpid(), NOW - 29 * S, None, now_ns=NOW)


def test_silence_is_death() -> None:
    """
    A writer that was not heard of for the stated time is dead, wherever it is.
    """
    silent = NOW - int(SILENCE_S * S) - 1
    assert is_dead(HERE, os.getpid(), silent, None, now_ns=NOW)
    assert is_dead("elsewhere", 1, silent, None, now_ns=NOW)


def test_a_process_that_is_gone_is_dead_at_once(gone_pid: int) -> None:
    """
    On this host nobody waits for the silence.
    """
    dead = is_dead(HERE, gone_pid, NOW, None, now_ns=NOW)
    assert dead is (sys.platform != "win32")


def test_a_process_of_another_host_is_not_looked_for(gone_pid: int) -> None:
    """
    A process id means nothing on another host.
    """
    assert not is_dead("elsewhere", gone_pid, NOW, None, now_ns=NOW)


def test_a_process_of_another_user_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A process that may not be signalled is there.
    """

    def forbidden(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert not is_dead(HERE, 1, NOW, None, now_ns=NOW)


def test_a_writer_that_signed_off_is_dead() -> None:
    """
    What a writer left open when it closed will not be ended by it.
    """
    assert is_dead(HERE, os.getpid(), NOW, NOW, now_ns=NOW)


def test_a_sign_of_life_in_the_future_counts_as_one_of_now(gone_pid: int) -> None:
    """
    Where a clock was set back, a writer is alive while its process is, and a writer of
    another host until it is silent by the new time.
    """
    future = NOW + 3600 * S
    assert not is_dead(HERE, os.getpid(), future, None, now_ns=NOW)
    assert is_dead(HERE, gone_pid, future, None, now_ns=NOW) is (sys.platform != "win32")
    assert not is_dead("elsewhere", 1, future, None, now_ns=NOW)
    assert is_dead("elsewhere", 1, future, None, now_ns=future + 31 * S)
    assert is_dead("elsewhere", 1, future, NOW, now_ns=NOW)


def test_dead_writers_are_listed(tmp_path: Path, gone_pid: int) -> None:
    """
    Of the writers of open runs those that are gone are named.
    """
    path = tmp_path / "runs.db"
    with open_database(path) as database, database.transaction() as connection:
        Writer("living", HERE, os.getpid()).enter(connection, NOW)
        Writer("silent", "elsewhere", 1).enter(connection, NOW - 60 * S)
        closed = Writer("closed", HERE, os.getpid())
        closed.enter(connection, NOW)
        closed.leave(connection, NOW)
        Writer("idle", "elsewhere", 1).enter(connection, NOW - 60 * S)
        opened = [row("r", writer_id=w, status="running") for w in ("living", "silent", "closed")]
        connection.execute(insert(runs), opened)
    with closing(open_reader(path)) as connection:
        assert sorted(dead_writers(connection, now_ns=NOW)) == ["closed", "silent"]
        assert sorted(dead_writers(connection, now_ns=NOW + 60 * S)) == [
            "closed",
            "living",
            "silent",
        ]


def test_presence_is_renewed_as_time_goes_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A writer's row is made once, renewed after a second and not before, and also when the
    clock was set back; what was rolled back is written again.
    """
    path = tmp_path / "runs.db"
    now = NOW
    monkeypatch.setattr("time.time_ns", lambda: now)
    presence = Presence(Writer("w", HERE, os.getpid()))

    def seen() -> int | None:
        with database.transaction() as connection:
            assert presence.show(connection) == "w"
        presence.committed()
        return value(path, "SELECT last_seen_ns FROM writers")  # type: ignore[no-any-return]

    with open_database(path) as database:
        with database.transaction() as connection:
            presence.show(connection)
            connection.rollback()
        presence.rolled_back()
        assert seen() == NOW
        now = NOW + S // 2
        assert seen() == NOW
        now = NOW + 2 * S
        assert seen() == NOW + 2 * S
        now = NOW - 100 * S
        assert seen() == NOW - 100 * S


def test_an_idle_writer_with_an_open_span_says_that_it_lives(tmp_path: Path) -> None:
    """
    A run that takes long and says nothing does not count as dead; without open spans
    nothing is written for it.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        recording = processor.recording
        span = provider.get_tracer("test").start_span("long")
        assert processor.force_flush()
        writer = recording._writer
        assert writer.database is not None
        assert writer.ingestor is not None
        writer.ingestor._presence._shown_ns = 1
        with writer.database.transaction() as connection:
            connection.exec_driver_sql("UPDATE writers SET last_seen_ns = 1")
        recording._upkeep()
        assert value(path, "SELECT last_seen_ns FROM writers") > 1
        span.end()
        assert processor.force_flush()
        with writer.database.transaction() as connection:
            connection.exec_driver_sql("UPDATE writers SET last_seen_ns = 1")
        recording._upkeep()
        assert rows(path, "SELECT last_seen_ns FROM writers") == [(1,)]


def test_a_commit_of_unknown_outcome_costs_nothing_later(tmp_path: Path) -> None:
    """
    A writer whose first commit arrived although it was told otherwise goes on writing.
    """
    path = tmp_path / "runs.db"
    with open_database(path) as database:
        presence = Presence(Writer.here())
        with database.transaction() as connection:
            presence.show(connection)
        presence.rolled_back()
        for _ in range(2):
            with database.transaction() as connection:
                presence.show(connection)
            presence.committed()
    assert rows(path, "SELECT count(*) FROM writers") == [(1,)]
