"""
Opening a database for reading: nothing is created, nothing is left, nothing is stale.
"""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from otel_bridge_storage import run_records
from otel_bridge_storage.errors import (
    DatabaseError,
    DatabaseNotFoundError,
    NotADatabaseError,
    SchemaVersionError,
)
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.run_filters import RunFilter
from otel_bridge_storage.run_store import RunStore
from run_store_data import run, write, writing
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine


def _files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@contextmanager
def _of_mode(folder: Path, mode: int) -> Iterator[None]:
    folder.chmod(mode)
    try:
        yield
    finally:
        folder.chmod(0o700)


async def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    """
    Reading what is not there raises on entering or at the first use, and makes no file.
    """
    store = RunStore.from_url(tmp_path / "none.db")
    with pytest.raises(DatabaseNotFoundError, match="no database at"):
        async with store:
            pass
    store = RunStore.from_url(tmp_path / "none.db")
    with pytest.raises(DatabaseNotFoundError):
        await store.list_runs()
    await store.close()
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(DatabaseNotFoundError):
        await RunStore.from_engine(engine).list_runs()
    await engine.dispose()
    assert _files(tmp_path) == []


async def test_what_is_no_database_of_this_version_is_refused(tmp_path: Path) -> None:
    """
    Text, an empty file, a foreign database and a newer schema each raise their own error.
    """
    (tmp_path / "text").write_text("this is not a database at all")
    (tmp_path / "empty").touch()
    with sqlite3.connect(tmp_path / "foreign") as foreign:
        foreign.execute("CREATE TABLE mine (x)")
    foreign.close()
    newer = write(tmp_path / "newer")
    with open_database(newer) as opened, opened.transaction() as connection:
        connection.exec_driver_sql("UPDATE schema_info SET version = version + 1")
    before = _files(tmp_path)
    for name, error in (
        ("text", NotADatabaseError),
        ("empty", NotADatabaseError),
        ("foreign", NotADatabaseError),
        ("newer", SchemaVersionError),
        ("", NotADatabaseError),
    ):
        store = RunStore.from_url(tmp_path / name)
        with pytest.raises(error):
            await store.count_runs()
        with pytest.raises(error):
            await store.__aenter__()
    assert _files(tmp_path) == before
    with pytest.raises(DatabaseError, match="mysql"):
        RunStore.from_url("mysql://localhost/runs")


async def test_a_damaged_database_raises_an_error_of_this_library(tmp_path: Path) -> None:
    """
    What the driver raises while reading arrives as DatabaseError.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 1))
    with open_database(path) as opened, opened.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE runs")
    async with RunStore.from_url(path) as store:
        with pytest.raises(DatabaseError, match="cannot read"):
            await store.list_runs()


@pytest.mark.parametrize("scheme", ["", "sqlite:///", "sqlite+aiosqlite:///"])
async def test_reading_leaves_no_file_behind(tmp_path: Path, scheme: str) -> None:
    """
    After the writer has closed, reading a database leaves its folder as it was.

    SQLite itself makes the log and its index while a reader is there.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 1))
    content = path.read_bytes()
    assert _files(tmp_path) == ["runs.db"]
    async with RunStore.from_database_url(f"{scheme}{path}") as store:
        assert await store.count_runs() == 1
    assert _files(tmp_path) == ["runs.db"]
    assert path.read_bytes() == content


async def test_a_store_cannot_write(tmp_path: Path) -> None:
    """
    A connection of the store refuses to change the database.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 1))
    async with RunStore.from_url(path) as store:
        with pytest.raises(DatabaseError, match="readonly"):
            await store._engine.read(lambda c: c.exec_driver_sql("DELETE FROM runs"))
        assert await store.count_runs() == 1


async def test_a_folder_that_cannot_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    There a database is read without a file being made, and a later change is seen.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 1))
    monkeypatch.setattr(os, "access", lambda *_: False)
    async with RunStore.from_url(path) as store:
        assert await store.count_runs() == 1
        assert _files(tmp_path) == ["runs.db"]
        write(path, *(run(f"{n:02}", f"n-{n}", 0, 1, input="x" * n * 99) for n in range(2, 50)))
        assert await store.count_runs() == 49
        with writing(path) as ingestor:
            ingestor.apply([run("99", "last", 0, 1)])
            assert await store.count_runs() == 50
        assert await store.count_runs() == 50


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="a mode binds neither Windows nor root"
)
async def test_a_folder_of_mode_read_only_is_read(tmp_path: Path) -> None:
    """
    A database is read in a folder in which the reader may not make files.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 1))
    with _of_mode(tmp_path, 0o500):
        async with RunStore.from_url(path) as store:
            assert await store.count_runs() == 1
            assert _files(tmp_path) == ["runs.db"]


async def test_a_reader_sees_each_commit(tmp_path: Path) -> None:
    """
    A store that is open sees what is committed meanwhile, by one writer and by the next.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r-1", 0, 1)])
        async with RunStore.from_url(path) as store:
            assert await store.count_runs() == 1
            ingestor.apply([run("02", "r-2", 0, 1)])
            assert await store.count_runs() == 2
            with writing(path) as other:
                other.apply([run("03", "r-3", 0, 1)])
            assert await store.count_runs() == 3


async def test_a_read_sees_one_state(tmp_path: Path) -> None:
    """
    What is committed in the middle of a read is not seen in its second half.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r-1", 0, 1)])

        def look_twice(connection: Connection) -> tuple[int, int]:
            before = run_records.count_runs(connection, RunFilter())
            ingestor.apply([run("02", "r-2", 0, 1)])
            return before, run_records.count_runs(connection, RunFilter())

        async with RunStore.from_url(path) as store:
            assert await store._engine.read(look_twice) == (1, 1)
            assert await store.count_runs() == 2


async def test_an_engine_of_the_caller_stays_open(tmp_path: Path) -> None:
    """
    Closing a store over somebody's engine leaves the engine to them.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 1))
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    async with RunStore.from_engine(engine) as store:
        assert await store.count_runs() == 1
    async with RunStore.from_engine(engine) as again:
        assert [each.run_id for each in await again.list_runs()] == ["r"]
        assert again is not store
    await engine.dispose()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """
    A store that was closed answers with an error, not with a new connection.
    """
    store = RunStore.from_url(write(tmp_path / "runs.db", run("01", "r", 0, 1)))
    assert await store.count_runs() == 1
    await store.close()
    await store.close()
    with pytest.raises(DatabaseError, match="closed"):
        await store.count_runs()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
async def test_a_store_reads_the_file_that_is_there_now(tmp_path: Path) -> None:
    """
    After the file was replaced by another, an open store answers from the other.
    """
    path = write(tmp_path / "runs.db", run("01", "first", 0, 1))
    other = write(tmp_path / "other.db", run("02", "second", 0, 1))
    async with RunStore.from_url(path) as store:
        assert [each.run_id for each in await store.list_runs()] == ["first"]
        other.replace(path)
        assert [each.run_id for each in await store.list_runs()] == ["second"]
