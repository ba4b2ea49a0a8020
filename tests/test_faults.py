"""
A database in trouble: the agent goes on, what is lost is counted, and recording recovers.

Each test runs a program of its own that records, and makes a real fault beneath it.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from fault_program import FaultProgram, fault_program
from otel_bridge_storage.errors import (
    DatabaseDamagedError,
    DatabaseError,
    NotADatabaseError,
    SchemaVersionError,
)
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.versions import SCHEMA_VERSION
from recording_data import is_whole, names, recorded, value

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
KB = 1024


def spans(**counts: int) -> list[str]:
    """
    List the names of recorded spans, in order.
    """
    return sorted(f"{prefix}-{n:05}" for prefix, count in counts.items() for n in range(count))


def make_database(path: Path) -> None:
    """
    Make an empty database.
    """
    open_database(path).close()


def assert_recovers(program: FaultProgram, *, lost: int = 0) -> None:
    """
    Flush, and see that nothing waits and no more than this was lost.
    """
    program.ask("flush", 30)
    stats = program.stats()
    assert stats["waiting"] == 0
    assert stats["lost"] == lost
    assert stats["offered"] == stats["written"] + lost


def assert_waits(program: FaultProgram, says: str) -> None:
    """
    See that a flush ends in time, that nothing is lost, and that the log says why.
    """
    assert program.ask("flush", 0.5) is False
    assert program.stats()["waiting"] > 0
    assert program.stats()["lost"] == 0
    assert program.warned(says)


# The disk is full


@posix
def test_a_disk_that_is_full_delays_and_loses_nothing(tmp_path: Path) -> None:
    """
    What a disk without room refuses waits, and is stored when there is room again.
    """
    path = tmp_path / "runs.db"
    with fault_program(path) as program:
        program.record("before", 20)
        assert program.ask("flush", 20)
        program.ask("limit", Path(f"{path}-wal").stat().st_size + 20 * KB)
        program.record("during", 400, 3000)
        assert_waits(program, "goes on trying")
        program.ask("limit", -1)
        assert_recovers(program)
        program.record("after", 20)
        assert_recovers(program)
    assert names(path) == spans(before=20, during=400, after=20)
    assert is_whole(path)


@posix
def test_a_disk_that_stays_full_costs_a_counted_number_of_spans(tmp_path: Path) -> None:
    """
    When the queue is full too, what comes is refused, counted and told; what waited is
    stored once there is room, and so is all that comes later.
    """
    path = tmp_path / "runs.db"
    with fault_program(path, max_items=100) as program:
        assert program.ask("flush", 20)
        # The log, which is a file too, is shorter than that.
        program.ask("limit", 4 * KB)
        program.record("during", 3000)
        stats = program.stats()
        assert stats["refused"] > 0
        assert stats["waiting"] <= 100 + 1000
        assert program.warned("records lost so far")
        program.ask("limit", -1)
        assert_recovers(program, lost=stats["refused"])
        program.record("after", 20)
        assert_recovers(program, lost=stats["refused"])
    kept = names(path)
    assert kept[:20] == spans(after=20)
    # Each span is two records, its start and its end.
    assert 3000 - stats["refused"] <= len(kept[20:]) < 3000
    assert is_whole(path)


@posix
def test_a_database_that_finds_no_room_at_the_start_is_made_later(tmp_path: Path) -> None:
    """
    A disk that is full when the program starts costs nothing once there is room.
    """
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    with small_disk(tmp_path / "disk", 64 * KB) as place:
        filler = place / "filler"
        with suppress(OSError), filler.open("wb") as file:
            file.write(b"x" * 64 * KB)
        path = place / "runs.db"
        with fault_program(path) as program:
            assert "cannot open" in program.log()
            program.record("during", 20)
            assert program.ask("flush", 0.2) is False
            filler.unlink()
            subprocess.run(["mount", "-o", "remount,size=8m", place], check=True)
            assert_recovers(program)
        assert names(path) == spans(during=20)


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[Path]:
    """
    Mount a disk of so many bytes, or skip the test.
    """
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small disk could not be mounted")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@linux
def test_a_small_disk_fills_and_is_cleared(tmp_path: Path) -> None:
    """
    A disk that is filled to the last byte, by us and by others, delays what is recorded;
    when files are removed it is stored.
    """
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    # The write-ahead log alone takes some 8 MiB before it begins again.
    with small_disk(tmp_path / "disk", 16 * KB * KB) as place:
        path, filler = place / "runs.db", place / "filler"
        with fault_program(path) as program:
            program.record("before", 50)
            assert program.ask("flush", 20)
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(b"x" * KB):
                    pass
            program.record("during", 100, 3000)
            assert_waits(program, "full")
            filler.unlink()
            assert_recovers(program)
        assert names(path) == spans(before=50, during=100)
        assert is_whole(path)


# Permissions


@contextmanager
def shared_folder() -> Iterator[tuple[Path, str]]:
    """
    Give a folder that another user than root owns, and that user.
    """
    if sys.platform == "win32":
        pytest.skip("POSIX only")
    if os.geteuid() != 0:
        pytest.skip("permissions of another user can only be tried as root")
    import pwd

    try:
        user = pwd.getpwnam("nobody")
    except KeyError:
        pytest.skip("there is no user named nobody")
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        folder = Path(place) / "data"
        folder.mkdir()
        os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder, user.pw_name


def test_a_folder_that_may_not_be_written_is_waited_for() -> None:
    """
    A program that may not write its database's folder starts and goes on, and stores all
    that it recorded once it may.
    """
    with shared_folder() as (folder, user):
        path = folder / "runs.db"
        folder.chmod(0o555)
        with fault_program(path, user=user) as program:
            assert "cannot open" in program.log()
            program.record("during", 50)
            assert_waits(program, "goes on trying")
            folder.chmod(0o755)
            assert_recovers(program)
        assert names(path) == spans(during=50)


def test_a_folder_that_may_not_be_entered_for_a_while_is_waited_for() -> None:
    """
    A folder that is closed to the program while it records delays, and is not taken for a
    database that was deleted.
    """
    with shared_folder() as (folder, user):
        path = folder / "runs.db"
        with fault_program(path, user=user) as program:
            program.record("before", 20)
            assert program.ask("flush", 20)
            folder.chmod(0)
            program.record("during", 20)
            assert_waits(program, "goes on trying")
            folder.chmod(0o755)
            assert_recovers(program)
            assert "deleted" not in program.log()
        assert names(path) == spans(before=20, during=20)
        assert is_whole(path)


def test_a_file_that_may_not_be_written_is_waited_for() -> None:
    """
    The same for a database file that is read-only when the program starts.
    """
    with shared_folder() as (folder, user):
        path = folder / "runs.db"
        make_database(path)
        path.chmod(0o444)
        with fault_program(path, user=user) as program:
            assert "cannot open" in program.log()
            program.record("during", 50)
            assert_waits(program, "goes on trying")
            path.chmod(0o666)
            assert_recovers(program)
        assert names(path) == spans(during=50)


# Locks


LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """
    Have another process hold a file's lock, until it is told to let go.
    """
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"

        def let_go() -> None:
            process.communicate("\n")
            assert process.returncode == 0

        try:
            yield let_go
        finally:
            process.kill()


def test_a_file_that_another_program_locks_is_waited_for(tmp_path: Path) -> None:
    """
    While another process holds the lock nothing is lost; afterwards all is there.
    """
    path = tmp_path / "runs.db"
    with fault_program(path) as program:
        program.record("before", 20)
        assert program.ask("flush", 20)
        with locked(path) as let_go:
            program.record("during", 200)
            assert_waits(program, "goes on trying")
            let_go()
        assert_recovers(program)
    assert names(path) == spans(before=20, during=200)


def test_a_file_that_is_locked_at_the_start_is_waited_for(tmp_path: Path) -> None:
    """
    A lock that another process holds when the program starts holds it up for a bounded
    time, and costs nothing.
    """
    path = tmp_path / "runs.db"
    make_database(path)
    with locked(path) as let_go, fault_program(path) as program:
        assert program.installed_s < 5
        assert "locked" in program.log()
        program.record("during", 20)
        assert_waits(program, "goes on trying")
        let_go()
        assert_recovers(program)
    assert names(path) == spans(during=20)


# Damage


def overwrite(path: Path, *, from_byte: int) -> None:
    """
    Damage a file in place, as a failing disk or another program may.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(from_byte)
        file.write(b"\xa5" * (size - from_byte))


def empty_log(path: Path) -> None:
    """
    Move all that the write-ahead log holds into the file.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@posix
@pytest.mark.parametrize("from_byte", [0, 4096], ids=["header", "pages"])
def test_a_file_that_is_damaged_while_it_is_written_is_told_once(
    tmp_path: Path, from_byte: int
) -> None:
    """
    The agent goes on, each batch is tried once and counted as lost, one line says what to
    do, and a file that is put in its place is recorded into.
    """
    path = tmp_path / "runs.db"
    with fault_program(path) as program:
        program.record("before", 200, 1000)
        assert program.ask("flush", 20)
        empty_log(path)
        overwrite(path, from_byte=from_byte)
        for number in range(5):
            program.record(f"lost{number}", 50)
            assert program.ask("flush", 20) is False
        stats = program.stats()
        assert stats["waiting"] == 0
        assert 0 < stats["failed"] <= stats["offered"] - stats["written"]
        warnings = [line for line in program.log().splitlines() if "WARNING" in line]
        (said,) = (line for line in warnings if "is damaged" in line)
        assert f"otel-bridge check --db {path}" in said
        assert f"otel-bridge export --db {path}" in said
        assert len(warnings) == 1
        for file in tmp_path.iterdir():
            file.rename(file.with_name(f"damaged-{file.name}"))
        program.record("after", 20)
        assert_recovers(program, lost=stats["failed"])
    assert names(path) == spans(after=20)
    assert is_whole(path)


def test_damage_costs_one_try_for_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A batch that meets damage is not taken apart and tried again piece by piece.
    """
    tries = []
    with recorded(tmp_path / "runs.db") as (provider, processor):
        assert processor.force_flush()
        writer = processor.recording._writer
        assert writer.ingestor is not None

        def broken(batch: list[object]) -> None:
            tries.append(len(batch))
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

        monkeypatch.setattr(writer.ingestor, "apply", broken)
        assert processor.recording._queue.hold(5)
        for _ in range(300):
            provider.get_tracer("test").start_span("x").end()
        processor.recording._queue.release()
        assert not processor.force_flush()
        assert len(tries) <= 3
        assert processor.recording.stats.failed == processor.recording.stats.offered
        monkeypatch.undo()
        provider.get_tracer("test").start_span("y").end()
        assert processor.force_flush()
    assert caplog.text.count("is damaged") == 1


def test_a_damaged_file_is_told_when_recording_begins(tmp_path: Path) -> None:
    """
    A file whose tables cannot be read is one clear error at once.
    """
    path = tmp_path / "runs.db"
    make_database(path)
    overwrite(path, from_byte=100)
    with (
        pytest.raises(DatabaseDamagedError, match="otel-bridge check"),
        recorded(path),
    ):
        pass


# Versions, names and kinds


def set_version(path: Path, version: int) -> None:
    """
    Give a database another schema's number, as a newer program does when it upgrades it.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE schema_info SET version = ?", (version,))
        connection.commit()


def test_a_newer_file_is_refused_when_recording_begins(tmp_path: Path) -> None:
    """
    A file of a newer version is one clear error at once, and stays as it is.
    """
    path = tmp_path / "runs.db"
    make_database(path)
    set_version(path, SCHEMA_VERSION + 1)
    before = path.read_bytes()
    with pytest.raises(SchemaVersionError, match="pip install --upgrade"), recorded(path):
        pass
    assert path.read_bytes() == before


def test_a_file_that_a_newer_version_upgrades_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """
    From then on records are counted as lost, one line says why, and no row is written.
    """
    path = tmp_path / "runs.db"
    with fault_program(path) as program:
        program.record("before", 20)
        assert program.ask("flush", 20)
        set_version(path, SCHEMA_VERSION + 1)
        for number in range(5):
            program.record(f"lost{number}", 50)
            assert program.ask("flush", 20) is False
        stats = program.stats()
        assert stats["waiting"] == 0
        assert stats["failed"] == stats["offered"] - stats["written"] > 0
        assert program.log().count("pip install --upgrade otel-bridge") == 1
        set_version(path, SCHEMA_VERSION)
    assert names(path) == spans(before=20)


def test_what_waiting_cannot_mend_is_told_at_once(tmp_path: Path) -> None:
    """
    A folder that does not exist, a file of another kind and a malformed URL are errors
    when recording begins.
    """
    other = tmp_path / "notes.txt"
    other.write_text("words", encoding="utf-8")
    for target, error in (
        (tmp_path / "nowhere" / "runs.db", DatabaseError),
        (other, NotADatabaseError),
        (tmp_path, NotADatabaseError),
        ("mysql://host/db", DatabaseError),
        ("postgresql://host:port/db", DatabaseError),
    ):
        with pytest.raises(error), recorded(target):
            pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


@posix
def test_a_folder_that_goes_away_and_comes_back_is_waited_for(tmp_path: Path) -> None:
    """
    A disk that is taken away while the program records delays what it records.
    """
    place, away = tmp_path / "disk", tmp_path / "away"
    place.mkdir()
    with fault_program(place / "runs.db") as program:
        program.record("before", 20)
        assert program.ask("flush", 20)
        place.rename(away)
        program.record("during", 20)
        assert_waits(program, "goes on trying")
        away.rename(place)
        assert_recovers(program)
        assert "deleted" not in program.log()
    assert names(place / "runs.db") == spans(before=20, during=20)
    assert is_whole(place / "runs.db")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_of_a_database_in_memory_records_nothing_and_says_so() -> None:
    """
    Its parent's database is out of its reach: it says so once and counts what it is
    offered, and the parent goes on unharmed.
    """
    with fault_program("memory://shared") as program:
        program.record("before", 10)
        assert program.ask("flush", 20)
        for number in range(3):
            told = program.ask("fork", f"child{number}")
            assert told["flushed"] is False
            assert told["refused"] == told["offered"] == 10
        program.record("after", 10)
        assert_recovers(program)
        assert program.log().count("records nothing in process") == 3
        assert len(program.log().splitlines()) == 3


@pytest.mark.slow
def test_a_server_that_is_away_is_waited_for() -> None:
    """
    A PostgreSQL server that is away, when the program starts and later, delays what is
    recorded and costs nothing within the queue's bounds.
    """
    psycopg = pytest.importorskip("psycopg")
    from postgres_server import NOT_RUN, find_binaries, fresh_server

    if find_binaries() is None:
        pytest.skip(NOT_RUN)
    with fresh_server() as server:
        server.stop()
        with fault_program(server.url) as program:
            assert program.installed_s < 12
            assert "cannot open" in program.log()
            program.record("first", 50)
            assert_waits(program, "goes on trying")
            server.start()
            assert_recovers(program)
            server.stop()
            program.record("second", 50)
            assert program.ask("flush", 0.5) is False
            server.start()
            assert_recovers(program)
            assert server.password not in program.log()
        with psycopg.connect(server.url) as connection:
            found = connection.execute("SELECT name FROM spans WHERE end_ns IS NOT NULL")
            assert sorted(name for (name,) in found) == spans(first=50, second=50)


def test_stats_tell_of_what_waits(tmp_path: Path) -> None:
    """
    What is recorded while nothing can be written shows as waiting, not as lost.
    """
    path = tmp_path / "runs.db"
    with fault_program(path) as program:
        assert program.ask("flush", 20)
        with locked(path) as let_go:
            program.record("during", 10)
            assert program.stats()["waiting"] == 20
            let_go()
        assert_recovers(program)
    assert value(path, "SELECT count(*) FROM spans") == 10
