"""
The search index: current at every search, whatever happened to it or to the database.
"""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pytest
from otel_bridge_queries import Queries
from otel_bridge_queries.search import index as indexes
from otel_bridge_queries.search.index_file import index_path
from otel_bridge_storage.errors import DatabaseUnavailableError
from queries_data import Recorded
from stored import PRICER, READER, rows, store
from test_erasure import MARK, bytes_of, marked
from test_search import found, say
from trees import NOON

import otel_bridge

CHILD = Path(__file__).with_name("search_child.py")


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """
    An empty database.
    """
    made = Recorded(tmp_path / "runs.db")
    yield made
    made.close()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Make parts and chunks of the index so small that a test has many.
    """
    monkeypatch.setattr(indexes, "PART_IDS", 4)
    monkeypatch.setattr(indexes, "_CHUNK_MESSAGES", 3)


@pytest.mark.usefixtures("small_parts")
def test_later_messages_are_found(recorded: Recorded) -> None:
    """
    A search sees all that was committed before it, over the ends of parts and chunks, and
    reads each message once.
    """
    told: list[tuple[int, int]] = []
    with Queries(recorded.path) as queries:
        wanted: list[int] = []
        for number in range(12):
            wanted += say(recorded, *["needle"] * (number % 4), run_id=f"r{number}")
            told.clear()
            hits = queries.search("needle", limit=100, progress=lambda *at: told.append(at))
            assert sorted(row["message_id"] for row in hits) == wanted
            assert (told[-1] if told else (0, 0)) == (number % 4, number % 4)
    assert found(recorded.path, "needle", limit=100, rank=True)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("by", ["run_id", "session_id", "user_id"])
def test_no_word_of_what_was_erased_is_left(tmp_path: Path, by: str) -> None:
    """
    After an erasure neither the database nor anything beside it has a byte of it, and
    what stays is found.
    """
    path = tmp_path / "runs.db"
    store(path, [marked(1, "STAYS"), marked(2, MARK), marked(3, "STAYSTOO")])
    with Queries(path) as queries:
        assert len(queries.search(MARK)) > 0
        mark = MARK.lower().encode()
        assert mark in bytes_of(tmp_path).lower()
        (wanted,) = rows(path, f"SELECT {by} FROM runs WHERE agent_name = ?", f"{MARK}-agent")
        assert otel_bridge.erase(path, **{by: wanted[0]}).runs == 1
        assert mark not in bytes_of(tmp_path).lower()
        assert b"stays" in index_path(path).read_bytes()
        told: list[int] = []
        assert len(queries.search(MARK, progress=lambda done, _: told.append(done))) == 0
        assert len(queries.search("staystoo")) > 0
        assert len(queries.search("stays")) > 0
    (messages,) = rows(path, "SELECT count(*) FROM messages")[0]
    assert 0 < told[-1] < messages


def test_an_index_that_cannot_be_changed_is_deleted_by_an_erasure(tmp_path: Path) -> None:
    """
    Where the index is damaged, no byte of what was erased is left either.
    """
    path = tmp_path / "runs.db"
    store(path, [marked(1, "STAYS"), marked(2, MARK)])
    assert found(path, MARK)
    whole = index_path(path).read_bytes()
    index_path(path).write_bytes(b"x" * 100 + whole[100:])
    otel_bridge.erase(path, session_id=f"{MARK}-session")
    assert MARK.lower().encode() not in bytes_of(tmp_path).lower()
    assert found(path, "stays")


def test_what_was_erased_by_other_means_is_not_found(tmp_path: Path) -> None:
    """
    A search after an erasure that knew nothing of the index drops what is gone.
    """
    from otel_bridge_storage.erasure import prune
    from otel_bridge_storage.opening import open_database

    path = tmp_path / "runs.db"
    store(path, [marked(1, "STAYS"), marked(2, MARK)])
    with Queries(path) as queries:
        assert len(queries.search(MARK)) > 0
        with open_database(path) as database:
            prune(database, reader=READER, pricer=PRICER, before_ns=NOON * 2)
        assert len(queries.search(MARK)) == 0
        assert len(queries.search("stays")) == 0
    assert MARK.lower().encode() not in bytes_of(tmp_path).lower()


@pytest.mark.usefixtures("small_parts")
def test_another_database_has_another_index(tmp_path: Path, recorded: Recorded) -> None:
    """
    A file put in the place of another is searched as itself, however much they share.
    """
    other = Recorded(tmp_path / "other.db")
    say(recorded, *["same"] * 5, "mine", *["same"] * 4)
    say(other, *["same"] * 5, "theirs", *["same"] * 3)
    with other, recorded:
        other._insert(other_messages(), {"id": 10, "hash": b"other", "body": "later"})
    other.close()
    assert found(recorded.path, "mine") == [6]
    with (
        closing(sqlite3.connect(other.path)) as source,
        closing(sqlite3.connect(recorded.path)) as target,
    ):
        source.backup(target)
    assert found(recorded.path, "mine") == []
    assert found(recorded.path, "theirs") == [6]


def other_messages() -> object:
    """
    Give the table of messages.
    """
    from otel_bridge_storage import schema

    return schema.messages


@pytest.mark.parametrize("damage", ["gone", "folder", "garbage", "cut", "empty", "older", "torn"])
def test_a_lost_or_damaged_index_is_made_anew(recorded: Recorded, damage: str) -> None:
    """
    Whatever becomes of the index between two searches, the second is right.
    """
    wanted = say(recorded, *["needle"] * 300)
    path = index_path(recorded.path)
    with Queries(recorded.path) as queries:
        assert len(queries.search("needle", limit=1000)) == len(wanted)
        _harm(path, damage)
        assert len(queries.search("needle", limit=1000)) == len(wanted)
    _harm(path, damage)
    assert sorted(found(recorded.path, "needle", limit=1000)) == wanted


def _harm(path: Path, damage: str) -> None:
    if damage == "gone":
        path.unlink()
    elif damage == "folder":
        shutil.rmtree(path.parent)
    elif damage == "older":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 99")
    elif damage == "torn":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DROP TABLE part_0")
    else:
        whole = path.read_bytes()
        harmed = {
            "garbage": b"not a database " * 200,
            "cut": whole[: len(whole) // 2],
            "empty": b"",
        }
        path.unlink()
        path.write_bytes(harmed[damage])


def test_a_cache_that_cannot_be_kept_is_told_of(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Where the folder cannot be made the search works, and a warning says that it is slow.
    """
    (wanted,) = say(recorded, "needle")
    index_path(recorded.path).parent.write_text("in the way")
    with Queries(recorded.path) as queries:
        for _ in range(2):
            assert [row["message_id"] for row in queries.search("needle")] == [wanted]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "searches take longer" in caplog.text


def test_the_cache_is_its_owners_and_no_backup(recorded: Recorded) -> None:
    """
    The folder says what it is, and nobody else may look into it where the system has that.
    """
    say(recorded, "needle")
    found(recorded.path, "needle")
    folder = index_path(recorded.path).parent
    assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f")
    if sys.platform != "win32":
        assert folder.stat().st_mode & 0o077 == 0


def test_an_index_in_use_is_an_error_in_the_end(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever waits too long for another to leave the index is told so, and may try again.
    """
    monkeypatch.setattr("otel_bridge_queries.search.index_file._WAIT_S", 0.05)
    say(recorded, "needle")
    with Queries(recorded.path) as queries:
        queries.search("needle")
        say(recorded, "needle", run_id="two")
        with closing(sqlite3.connect(index_path(recorded.path), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(DatabaseUnavailableError, match="locked"):
                queries.search("needle")
        assert len(queries.search("needle")) == 2


@contextmanager
def searching(path: Path, words: str) -> Iterator[tuple[IO[str], IO[str]]]:
    """
    Run another process that searches when a line is written to it.
    """
    command = [sys.executable, str(CHILD), str(path), words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process.stdin, process.stdout
        process.stdin.close()
        assert process.wait() == 0


@pytest.mark.slow
def test_several_processes_search_at_once(recorded: Recorded) -> None:
    """
    Processes that build and extend the same index at the same time find the same.
    """
    wanted: list[int] = []
    with (
        searching(recorded.path, "needle") as one,
        searching(recorded.path, "needle") as two,
        searching(recorded.path, "needle") as three,
    ):
        for number in range(6):
            wanted += say(recorded, *["a needle in hay"] * 700, run_id=f"r{number}")
            for asked, _ in (one, two, three):
                asked.write("\n")
                asked.flush()
            for _, answered in (one, two, three):
                assert [int(word) for word in answered.readline().split()] == wanted
