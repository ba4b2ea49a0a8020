"""
`otel-bridge export --lake`, and `export_lake` from Python.
"""

import builtins
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from backends import Backend, store
from lakes import DAY, assert_equal, files, read
from otel_bridge_storage.database_id import database_id
from otel_bridge_storage.errors import NotInstalledError, QueryError
from queries_data import NOON
from test_lake import Edited
from trees import agent, chat, span

import otel_bridge
from otel_bridge.cli.main import run_with


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """
    A database with runs on two days.
    """
    edited = Edited(tmp_path / "runs.db")
    for day in range(2):
        edited.apply("run", NOON + day * DAY, 5, "a")
    edited.recorded.close()
    return edited.path


def run(*arguments: str | Path) -> int:
    """
    Run the program.
    """
    return run_with([str(argument) for argument in arguments])


def test_the_command_says_what_it_did(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The last line counts files and rows; a second export writes nothing and says so.
    """
    lake = tmp_path / "lake"
    assert run("export", "--db", database, "--lake", lake) == 0
    name = database_id(database)
    assert name is not None
    assert_equal(lake, database, name)
    count = len(files(lake))
    assert f"lake: {count} files written with 16 rows, 0 unchanged, 0 removed" in told(capsys)
    assert run("export", "--db", database, "--lake", lake) == 0
    assert f"0 files written with 0 rows, {count} unchanged, 0 removed" in told(capsys)


def test_a_rehearsal_changes_nothing(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    With --dry-run neither the lake nor the database changes.
    """
    before = database.read_bytes()
    assert run("export", "--db", database, "--lake", tmp_path / "lake", "--dry-run") == 0
    assert "files would be written with 16 rows" in told(capsys)
    assert not (tmp_path / "lake").exists()
    assert database.read_bytes() == before
    assert database_id(database) is None


def test_tables_and_days_can_be_chosen(database: Path, tmp_path: Path) -> None:
    """
    Only the named tables, from the whole day of a moment on, are written.
    """
    lake = tmp_path / "lake"
    arguments = ("--tables", "runs,llm_calls", "--since", "2025-06-16T23:00:00Z")
    assert run("export", "--db", database, "--lake", lake, "--exporter", "e", *arguments) == 0
    assert sorted(files(lake)) == [
        "llm_calls/date=2025-06-16/part-e-00000.parquet",
        "runs/date=2025-06-16/part-e-00000.parquet",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--lake", "x", "out.jsonl"),
        ("--lake", "x", "--run", "r1"),
        ("--lake", "x", "--until", "1d"),
        ("--lake", "x", "--no-logs"),
        ("--lake", "x", "--tables", "nosuch"),
        ("--lake", "x", "--exporter", "../x"),
        ("--dry-run",),
        ("--no-content",),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    database: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    What would be passed over, or makes no sense, is wrong usage, and nothing is written.
    """
    monkeypatch.chdir(tmp_path)
    assert run("export", "--db", database, *arguments) == 2
    assert not (tmp_path / "x").exists()


def test_a_lake_that_cannot_be_written_fails(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The program fails with one line that names the lake.
    """
    (tmp_path / "file").write_text("")
    assert run("export", "--db", database, "--lake", tmp_path / "file") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "the lake" in error


def test_pyarrow_is_asked_for(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without pyarrow the error says which extra brings it, and the database gets no id.
    """
    imported = builtins.__import__

    def without(name: str, *given: Any, **named: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return imported(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotInstalledError, match=r"otel-bridge\[lake\]"):
        otel_bridge.export_lake(database, tmp_path / "lake")
    assert database_id(database) is None


def test_the_id_stays_with_the_database(database: Path, tmp_path: Path) -> None:
    """
    A database that was moved goes on with its own files in the lake.
    """
    lake = tmp_path / "lake"
    first = otel_bridge.export_lake(database, lake)
    moved = database.rename(tmp_path / "moved.db")
    second = otel_bridge.export_lake(moved, lake)
    assert first.exporter == second.exporter
    assert (second.written, second.unchanged) == (0, first.written)


def test_every_kind_of_database_can_be_exported(backend: Backend, tmp_path: Path) -> None:
    """
    A lake is made from each kind of database, which keeps its id.
    """
    store(backend.target, [[span(1, 1, **agent("a")), span(1, 2, 1, **chat("r", 3))]])
    first = otel_bridge.export_lake(backend.target, tmp_path / "lake")
    assert first.exporter == database_id(backend.target)
    second = otel_bridge.export_lake(backend.target, tmp_path / "lake")
    assert (second.written, second.unchanged, second.removed) == (0, first.written, 0)
    found = read(tmp_path / "lake", "llm_calls", ["agent_name", "input_tokens", "exporter"])
    assert found == [("a", 3, first.exporter)]


def test_times_and_names_are_checked(database: Path, tmp_path: Path) -> None:
    """
    A moment without an offset and an empty list of tables are refused.
    """
    naive = datetime(2025, 6, 16, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(QueryError, match="since"):
        otel_bridge.export_lake(database, tmp_path / "lake", since=naive)
    with pytest.raises(QueryError, match="at least one"):
        otel_bridge.export_lake(database, tmp_path / "lake", tables=[])


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """
    Give what was printed, on one line.
    """
    return " ".join(capsys.readouterr().out.split())
