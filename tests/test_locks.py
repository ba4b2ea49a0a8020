"""
Reading a file in the process that writes it must not cost the writer its locks.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from otel_bridge_storage.integrity import check
from otel_bridge_storage.opening import open_database, open_existing
from otel_bridge_storage.run_store import RunStore
from recording_data import environment
from stored import PRICER, READER, rows
from trees import agent, span

import otel_bridge
from otel_bridge import Queries
from otel_bridge.database_writer import DatabaseWriter

READ_IN_ANOTHER = """
import sys
from otel_bridge_storage.sqlite_files import open_reader
with open_reader(sys.argv[1]) as reader:
    print(reader.execute("SELECT count(*) FROM spans").fetchone()[0])
reader.close()
"""


def count_elsewhere(path: Path) -> int:
    """
    Count the spans in another process, which closes the file as the last one it knows of.
    """
    done = subprocess.run(
        [sys.executable, "-c", READ_IN_ANOTHER, str(path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


async def read_by_store(path: Path) -> None:
    """
    Read as an async program does.
    """
    async with RunStore.from_url(path) as store:
        await store.list_runs()


def ways() -> dict[str, Callable[[Path], object]]:
    """
    List what a program may do with a file that it writes.
    """
    return {
        "check": check,
        "queries": lambda path: Queries(path).close(),
        "another writer": lambda path: open_database(path).close(),
        "an existing one": lambda path: open_existing(path).close(),
        "rebuild": otel_bridge.rebuild,
    }


@pytest.mark.parametrize("way", [*ways(), "store"])
async def test_a_reader_in_the_same_process_leaves_the_locks_alone(
    tmp_path: Path, way: str
) -> None:
    """
    After the file was opened otherwise in the writer's process, another process that comes
    and goes sees all that was committed, before and after.
    """
    path = tmp_path / "runs.db"
    writer = DatabaseWriter(path, reader=READER, pricer=PRICER)
    writer.write([span(1, 1, **agent("a"))])
    if way == "store":
        await read_by_store(path)
    else:
        ways()[way](path)
    assert count_elsewhere(path) == 1
    for trace in range(2, 6):
        writer.write([span(trace, 1, **agent("a"))])
        assert count_elsewhere(path) == trace
    writer.close()
    assert rows(path, "SELECT count(*) FROM spans") == [(5,)]
