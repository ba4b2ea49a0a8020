"""
Opening databases: what is refused and how, and what an open database promises.
"""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from otel_bridge_storage.addresses import file_path
from otel_bridge_storage.database import Database
from otel_bridge_storage.errors import (
    DatabaseError,
    DatabaseNotFoundError,
    NotADatabaseError,
    SchemaVersionError,
)
from otel_bridge_storage.migrations import COUNTERS
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.sqlite_database import APPLICATION_ID
from otel_bridge_storage.sqlite_files import check_file, open_reader
from otel_bridge_storage.versions import SCHEMA_VERSION
from recording_data import environment
from sqlalchemy.exc import DBAPIError
from stored import PRICER, READER, rows
from trees import agent, chat, span

from otel_bridge.database_writer import DatabaseWriter

OPENER = """
import sys
from otel_bridge_storage.opening import open_database
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
with open_database(sys.argv[1]) as database, database.transaction() as connection:
    connection.exec_driver_sql("UPDATE counters SET value = value + 1 WHERE name = 'span'")
"""


def foreign(path: Path) -> Path:
    """
    Make a SQLite database of another program.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    return path


def newer(path: Path) -> Path:
    """
    Make a database of a later version.
    """
    open_database(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_info SET version = ?", (SCHEMA_VERSION + 1,))
    return path


def garbage(path: Path) -> Path:
    """
    Make a file that is no database.
    """
    path.write_bytes(b"these are words " * 500)
    return path


def torn(path: Path) -> Path:
    """
    Make a file that begins as a database and is none.
    """
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    return path


def folder(path: Path) -> Path:
    """
    Make a folder.
    """
    path.mkdir()
    return path


REFUSED = [
    (foreign, NotADatabaseError, "of another program"),
    (newer, SchemaVersionError, "pip install --upgrade otel-bridge"),
    (garbage, NotADatabaseError, "is not a SQLite database"),
    (torn, DatabaseError, "database"),
    (folder, NotADatabaseError, "is a folder"),
]


@pytest.mark.parametrize(("make", "error", "says"), REFUSED)
@pytest.mark.parametrize("opens", [open_database, open_reader])
def test_what_is_not_ours_is_refused_and_left_as_it_is(
    tmp_path: Path,
    make: Callable[[Path], Path],
    error: type[DatabaseError],
    says: str,
    opens: Callable[[Path], object],
) -> None:
    """
    A file of another kind is refused at once with one clear line, and not one byte of it,
    or file beside it, is changed or made.
    """
    path = make(tmp_path / "x.db")
    before = None if path.is_dir() else path.read_bytes()
    started = time.monotonic()
    with pytest.raises(error, match=says) as caught:
        opens(path)
    assert time.monotonic() - started < 5
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.db"]
    assert before is None or path.read_bytes() == before


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """
    A database in a folder that is not there is refused with the folder's name.
    """
    with pytest.raises(DatabaseError, match="there is no folder") as caught:
        open_database(tmp_path / "nowhere" / "runs.db")
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_creates_nothing(tmp_path: Path) -> None:
    """
    A reader of a file that is not there says so and makes none.
    """
    with pytest.raises(DatabaseNotFoundError, match="there is no database at"):
        open_reader(tmp_path / "runs.db")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_made_a_database_by_a_writer_only(tmp_path: Path) -> None:
    """
    A reader refuses an empty file and leaves it empty; a writer sets it up.
    """
    path = tmp_path / "runs.db"
    path.touch()
    with pytest.raises(NotADatabaseError, match="is empty"):
        open_reader(path)
    assert path.stat().st_size == 0
    open_database(path).close()
    with closing(open_reader(path)) as connection:
        assert connection.execute("SELECT version FROM schema_info").fetchall() == [
            (SCHEMA_VERSION,)
        ]


def test_a_reader_cannot_write_and_leaves_no_files(tmp_path: Path) -> None:
    """
    A reader's connection refuses to write, and no -wal or -shm file stays behind.
    """
    path = tmp_path / "runs.db"
    open_database(path).close()
    before = path.read_bytes()
    with closing(open_reader(path)) as connection:
        connection.execute("SELECT count(*) FROM spans").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM schema_info")
    assert [entry.name for entry in tmp_path.iterdir()] == ["runs.db"]
    assert path.read_bytes() == before


def test_a_reader_beside_a_writer_leaves_the_writers_files(tmp_path: Path) -> None:
    """
    A reader that closes does not disturb a writer at work, and saw what was committed.
    """
    path = tmp_path / "runs.db"
    with open_database(path) as database:
        for expected in (1, 2):
            with database.transaction() as connection:
                connection.exec_driver_sql("UPDATE counters SET value = value + 1")
            with closing(open_reader(path)) as reader:
                counted = reader.execute("SELECT DISTINCT value FROM counters").fetchall()
            assert counted == [(expected,)]


def test_a_writer_is_durable_and_strict(tmp_path: Path) -> None:
    """
    The write-ahead log, full synchronisation and foreign keys are really on, also on a
    connection that was made anew.
    """
    path = tmp_path / "runs.db"
    with open_database(path) as database:
        for _ in range(2):
            with database.transaction() as connection:
                found = {
                    name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "application_id")
                }
            assert found == {
                "journal_mode": "wal",
                "synchronous": 2,
                "foreign_keys": 1,
                "application_id": APPLICATION_ID,
            }
            database.suspend()


def update_and_fail(database: Database) -> None:
    """
    Change something, and then ask for what is not there.
    """
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE counters SET value = 7")
        connection.exec_driver_sql("SELECT * FROM elsewhere WHERE x = ?", ("the secret",))


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """
    What was written before an error is taken back, and the lock let go; the error does not
    tell what was to be written.
    """
    path = tmp_path / "runs.db"
    with open_database(path) as database, open_database(path, busy_timeout_s=0) as other:
        with pytest.raises(DBAPIError, match="elsewhere") as caught:
            update_and_fail(database)
        assert "the secret" not in str(caught.value)
        with other.transaction() as connection:
            values = connection.exec_driver_sql("SELECT value FROM counters").scalars().all()
        assert set(values) == {0}


def test_opening_twice_sets_up_once(tmp_path: Path) -> None:
    """
    A database that is there is opened as it is.
    """
    path = tmp_path / "runs.db"
    for _ in range(2):
        with open_database(path) as database, database.transaction() as connection:
            connection.exec_driver_sql("UPDATE counters SET value = value + 1")
    with closing(open_reader(path)) as reader:
        found = reader.execute("SELECT name, value FROM counters ORDER BY name").fetchall()
    assert found == [(name, 2) for name in sorted(COUNTERS)]


def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """
    Processes that make the same file at the same time all get it, set up once.
    """
    path = tmp_path / "runs.db"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(path)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [child.communicate()[1] for child in children] == [""] * 4
    with closing(open_reader(path)) as reader:
        assert reader.execute("SELECT value FROM counters WHERE name = 'span'").fetchone() == (4,)
        assert reader.execute("SELECT count(*) FROM schema_info").fetchone() == (1,)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("runs.db", "runs.db"),
        ("sqlite:///runs.db", "runs.db"),
        ("sqlite:////tmp/runs.db", "/tmp/runs.db"),
        ("sqlite+aiosqlite:///runs.db", "runs.db"),
        (Path("a b#?.db"), "a b#?.db"),
    ],
)
def test_a_target_is_a_path_or_a_url(target: str | Path, path: str) -> None:
    """
    A database is named by its path or a SQLite URL.
    """
    assert file_path(target) == Path(path)


@pytest.mark.parametrize("target", ["postgresql://host/db", "sqlite://", ":memory:", "sqlite:///"])
def test_a_target_that_is_no_file_is_refused(target: str) -> None:
    """
    Another kind of database, or one that would not outlive the program, is refused.
    """
    with pytest.raises(DatabaseError, match="give the path"):
        file_path(target)


def test_odd_names_are_names(tmp_path: Path) -> None:
    """
    A file may be called anything, also what means something in a URI.
    """
    path = tmp_path / "a b#c?mode=memory&x=%41.db"
    open_database(path).close()
    check_file(path)
    with closing(open_reader(path)) as connection:
        assert connection.execute("SELECT count(*) FROM spans").fetchone() == (0,)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A program that changes its folder goes on writing into the same file.
    """
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path)
    with open_database("runs.db") as database:
        monkeypatch.chdir(tmp_path / "else")
        database.suspend()
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE counters SET value = 1")
    assert list((tmp_path / "else").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
def test_recording_goes_on_when_its_file_is_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    What is flushed after the file was deleted is in a new one, and the loss is said.
    """
    path = tmp_path / "runs.db"
    with closing(DatabaseWriter(path, reader=READER, pricer=PRICER)) as writer:
        writer.write([span(1, 1, end_ns=None, **agent("a"))])
        for left in tmp_path.iterdir():
            left.unlink()
        writer.write([span(1, 2, 1, **chat("r1", 3)), span(1, 1, **agent("a"))])
    assert rows(path, "SELECT agent_name, llm_calls, input_tokens FROM runs") == [("a", 1, 3)]
    assert "was deleted or replaced" in caplog.text
