"""
A database of an older version is brought up to date by opening it, whole or not at all.
"""

import asyncio
import gzip
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from otel_bridge_storage.errors import SchemaVersionError
from otel_bridge_storage.labels import run_labels_of
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.run_store import RunStore
from otel_bridge_storage.sqlite_files import open_reader
from otel_bridge_storage.versions import SCHEMA_VERSION
from recording_data import environment, is_whole, recorded, rows
from stored import picture

DATA = Path(__file__).parent / "data" / "databases"
CHILD = Path(__file__).with_name("upgrade_child.py")
LABELS = "SELECT run_id, started_ns, kind, name, value FROM run_labels ORDER BY 1, 3, 4, 5"
killable = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """
    A database that the first version made.
    """
    path = tmp_path / "old.db"
    path.write_bytes(gzip.decompress((DATA / "schema-1.db.gz").read_bytes()))
    return path


def shown_by_the_old_version() -> dict[str, list[Any]]:
    """
    Give the picture that the first version showed of it.
    """
    found: dict[str, list[Any]] = json.loads(
        gzip.decompress((DATA / "schema-1.json.gz").read_bytes())
    )
    return found


def as_json(found: object) -> object:
    """
    Give rows as JSON brings them back.
    """
    return json.loads(json.dumps(found))


def version_of(path: Path) -> int:
    """
    Read a file's schema, whichever it is.
    """
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("SELECT version FROM schema_info").fetchone()
    return int(version)


def tables_of(path: Path) -> dict[str, list[Any]]:
    """
    Describe a file's tables with their columns and foreign keys, and its indexes.
    """
    with closing(sqlite3.connect(path)) as connection:

        def pragma(name: str, of: str) -> list[Any]:
            return connection.execute(f"PRAGMA {name}({of})").fetchall()

        found = connection.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
        made: dict[str, list[Any]] = {n: [sql] for n, kind, sql in found if kind == "index"}
        for name in (name for name, kind, _ in found if kind == "table"):
            columns = sorted(_column(*column) for column in pragma("table_info", name))
            keys = sorted(key[2:] for key in pragma("foreign_key_list", name))
            made[name] = [*columns, *keys]
        return made


def _column(_: int, name: str, kind: str, *rest: Any) -> tuple[Any, ...]:
    # To SQLite, every kind with INT in its name is the same.
    return (name, "INTEGER" if "INT" in kind else kind, *map(str, rest))


async def count_runs(path: Path) -> int:
    """
    Count the runs that a store lists.
    """
    async with RunStore.from_url(path) as store:
        return len(await store.list_runs())


def enlarge(path: Path, copies: int) -> None:
    """
    Give an old database many more runs with labels, so that its upgrade takes longer.
    """
    with closing(sqlite3.connect(path)) as connection:
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(runs)")]
        others = ", ".join(name for name in columns if name != "run_id")
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            f"INSERT INTO runs (run_id, {others}) "
            f"SELECT run_id || '-' || i, {others} FROM runs, n",
            (copies,),
        )
        connection.commit()


def wanted_labels(path: Path) -> list[tuple[Any, ...]]:
    """
    Work out the labels of all runs, from the runs alone.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT run_id, started_ns, tags, metadata FROM runs")
        labels = [label for run in found for label in run_labels_of(dict(run))]
    order = ("run_id", "started_ns", "kind", "name", "value")
    return sorted(
        (tuple(label[name] for name in order) for label in labels),
        key=lambda label: (label[0], *label[2:]),
    )


def test_opening_upgrades_in_place_and_changes_no_picture(old: Path) -> None:
    """
    After the upgrade all that is derived is as the old version showed it, the labels of
    the runs are there, and the file is sound.
    """
    open_database(old).close()
    assert version_of(old) == SCHEMA_VERSION
    shown = as_json(picture(old))
    assert shown == shown_by_the_old_version()
    assert rows(old, LABELS) == wanted_labels(old)
    assert len(rows(old, LABELS)) > 0
    assert is_whole(old)


def test_an_upgraded_file_is_as_a_new_one(old: Path, tmp_path: Path) -> None:
    """
    It has the same tables, columns, indexes and counters as a database made anew.
    """
    new = tmp_path / "new.db"
    open_database(new).close()
    open_database(old).close()
    assert tables_of(old) == tables_of(new)
    counters = "SELECT name FROM counters ORDER BY name"
    assert rows(old, counters) == rows(new, counters)


def test_an_upgrade_is_done_once(old: Path) -> None:
    """
    Opening an upgraded file again changes nothing of it.
    """
    open_database(old).close()
    before = old.read_bytes()
    open_database(old).close()
    assert old.read_bytes() == before


def test_an_old_file_is_refused_by_readers_with_what_to_do(old: Path) -> None:
    """
    A reader changes nothing, and names the command that brings the file up to date.
    """
    before = old.read_bytes()
    with pytest.raises(SchemaVersionError, match=r"run `otel-bridge rebuild --db .*old\.db`"):
        open_reader(old)
    with pytest.raises(SchemaVersionError, match="otel-bridge rebuild"):
        asyncio.run(count_runs(old))
    assert old.read_bytes() == before
    assert [entry.name for entry in old.parent.iterdir()] == ["old.db"]


def test_recording_into_an_old_file_goes_on_from_it(old: Path) -> None:
    """
    New spans come after what is there, and the runs of both are listed.
    """
    with recorded(old) as (provider, processor):
        provider.get_tracer("test").start_span(
            "invoke_agent late", attributes={"gen_ai.operation.name": "invoke_agent"}
        ).end()
        assert processor.force_flush()
    assert len(picture(old)["spans"]) == len(shown_by_the_old_version()["spans"]) + 1
    assert rows(old, "SELECT count(*), max(seq) FROM run_log") == [(47, 47)]
    assert asyncio.run(count_runs(old)) == len(shown_by_the_old_version()["runs"]) + 1
    assert is_whole(old)


def test_many_processes_may_upgrade_a_file_at_once(old: Path) -> None:
    """
    One of them does it, and the others find it done.
    """
    enlarge(old, 200)
    source = (
        "import sys\nfrom otel_bridge_storage.opening import open_database\n"
        "open_database(sys.argv[1]).close()"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", source, str(old)], env=environment())
        for _ in range(4)
    ]
    assert [child.wait(60) for child in children] == [0] * 4
    assert version_of(old) == SCHEMA_VERSION
    assert rows(old, LABELS) == wanted_labels(old)
    assert is_whole(old)


def upgrade_and_die(path: Path, unit: str, number: int) -> int | None:
    """
    Upgrade a file in a process that kills itself at a certain moment.

    Returns:
        How many such moments there were, if it came to the end before that.
    """
    child = subprocess.run(
        [sys.executable, str(CHILD), str(path), unit, str(number)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.stderr == ""
    return int(child.stdout) if child.stdout else None


def assert_old_or_new(path: Path) -> int:
    """
    See that a file is whole and either old or new, and that it can be upgraded now.

    Returns:
        The version it had.
    """
    version = version_of(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (labels,) = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = 'run_labels'"
        ).fetchone()
    assert labels == (version >= 2)
    open_database(path).close()
    assert rows(path, LABELS) == wanted_labels(path)
    assert as_json(picture(path)["run_log"]) == shown_by_the_old_version()["run_log"]
    assert is_whole(path)
    return version


def killed_at(old: Path, unit: str, numbers: Iterator[int]) -> list[int]:
    """
    Kill the upgrade of fresh copies at each of some moments.

    Returns:
        The versions that were left, until one came to its end.
    """
    left = []
    for number in numbers:
        path = old.with_name(f"{unit}-{number}.db")
        path.write_bytes(old.read_bytes())
        done = upgrade_and_die(path, unit, number)
        left.append(assert_old_or_new(path))
        for file in old.parent.glob(f"{path.name}*"):
            file.unlink()
        if done is not None:
            break
    return left


@killable
def test_an_upgrade_that_is_killed_leaves_the_old_file_or_the_new(old: Path) -> None:
    """
    Killed before its last statement, or some others, the upgrade has not happened at all.
    """
    copy = old.with_name("copy.db")
    copy.write_bytes(old.read_bytes())
    count = upgrade_and_die(copy, "statement", 100_000)
    assert count is not None
    moments = [*sorted(random.Random(1).sample(range(1, count), 3)), count, count + 1]
    left = killed_at(old, "statement", iter(moments))
    sys.stdout.write(f"{len(left) - 1} upgrades killed: versions {left}\n")
    assert left == [1, 1, 1, 1, SCHEMA_VERSION]


@killable
@pytest.mark.slow
def test_an_upgrade_killed_before_a_statement_leaves_a_whole_file(old: Path) -> None:
    """
    The same before every third statement of the upgrade.
    """
    left = killed_at(old, "statement", iter(range(1, 1000, 3)))
    sys.stdout.write(f"{len(left) - 1} upgrades killed, before a statement: versions {left}\n")
    assert left[-1] == SCHEMA_VERSION
    assert set(left[:-1]) == {1}


@killable
@pytest.mark.slow
def test_many_upgrades_killed_at_random_leave_whole_files(old: Path) -> None:
    """
    The same at many random moments of SQLite's work.
    """
    enlarge(old, 400)
    moments = sorted(random.Random(2).sample(range(1, 900), 30))
    left = killed_at(old, "instruction", iter([*moments, 100_000]))
    sys.stdout.write(f"{len(left)} upgrades killed at random: versions {left}\n")
    assert set(left) == {1, SCHEMA_VERSION}
