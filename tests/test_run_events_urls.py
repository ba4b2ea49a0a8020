"""
Which store a URL names.
"""

import os
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.run_events import RunEventStore
from otel_bridge_storage.run_events.jsonl import JsonlRunEventStore
from otel_bridge_storage.run_events.memory import MemoryRunEventStore
from otel_bridge_storage.schemes import SchemeRegistry, scheme_of
from run_event_backends import event


@pytest.mark.parametrize("url", ["memory://", "memory:", "MEMORY://"])
def test_memory_is_named_by_its_scheme(url: str) -> None:
    """
    Each such URL makes a store of its own.
    """
    assert isinstance(RunEventStore.from_url(url), MemoryRunEventStore)


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("jsonl:///abs/dir", "/abs/dir"),
        ("jsonl:/abs/dir", "/abs/dir"),
        ("jsonl:relative/dir", "relative/dir"),
        ("jsonl:a%20b?c#d", "a%20b?c#d"),
        ("jsonl:///C:/dir", "C:/dir"),
        ("jsonl:C:/dir", "C:/dir"),
    ],
)
def test_jsonl_names_a_folder(url: str, folder: str) -> None:
    """
    Three slashes begin an absolute path, none a relative one, and nothing is decoded.
    """
    store = RunEventStore.from_url(url)
    assert isinstance(store, JsonlRunEventStore)
    assert store.path_of("t").parents[2] == Path(folder)


async def test_a_relative_folder_is_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The folder is made where the program runs.
    """
    monkeypatch.chdir(tmp_path)
    async with RunEventStore.from_url("jsonl:a/b") as store:
        await store.put(**event())
    assert (tmp_path / "a" / "b" / "threads").is_dir()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("jsonl:", "names no folder"),
        ("jsonl://", "names no folder"),
        ("jsonl://relative/dir", "names no folder"),
        ("memory://name", "write memory://"),
        ("ftp://host/x", "scheme 'ftp': use one of jsonl, memory"),
        (5, "5 is no URL"),
        (None, "None is no URL"),
    ],
    ids=repr,
)
def test_other_urls_are_refused(url: Any, told: str) -> None:
    """
    The error says what to write instead.
    """
    with pytest.raises(DatabaseError, match=told):
        RunEventStore.from_url(url)


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("runs.db", "sqlite"),
        ("./a:b.db", "sqlite"),
        ("/abs/runs.db", "sqlite"),
        (r"C:\runs.db", "sqlite"),
        ("", "sqlite"),
        (Path("memory:"), "sqlite"),
        (PureWindowsPath("C:/runs.db"), "sqlite"),
        ("SQLite:///x.db", "sqlite"),
        ("postgresql+psycopg://host/db", "postgresql+psycopg"),
    ],
    ids=repr,
)
def test_a_path_counts_as_sqlite(url: str | os.PathLike[str], scheme: str) -> None:
    """
    What has no scheme is the path of a database file.
    """
    assert scheme_of(url) == scheme


def test_openers_are_found_with_and_without_driver() -> None:
    """
    An opener of the very scheme comes before one of the scheme without its driver.
    """
    registry: SchemeRegistry[str] = SchemeRegistry("things")

    @registry.register("postgresql", "Postgres")
    def plain(url: str) -> str:
        return f"plain {url}"

    @registry.register("postgresql+psycopg")
    def driven(url: str) -> str:
        return f"driven {url}"

    assert registry.find("postgresql://x") is registry.find("postgres://x") is plain
    assert registry.open("postgresql+asyncpg://x") == "plain postgresql+asyncpg://x"
    assert registry.find("POSTGRESQL+psycopg://x") is driven
    assert registry.schemes == ["postgres", "postgresql", "postgresql+psycopg"]
    with pytest.raises(DatabaseError, match="no things are known for the scheme 'sqlite'"):
        registry.find("runs.db")
