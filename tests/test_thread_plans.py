"""
What servers ask for often is found through an index.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from otel_bridge_storage.threads import MetadataStore
from sqlalchemy import Engine, event
from thread_backends import make_runs, make_threads

SEARCHES: dict[str, dict[str, Any]] = {
    "latest": {},
    "oldest": {"sort_order": "asc"},
    "created": {"sort_by": "created_at"},
    "state": {"sort_by": "state_updated_at"},
    "id": {"sort_by": "thread_id"},
    "by status": {"sort_by": "status"},
    "one status": {"status": "busy"},
    "cursor": {"cursor": "WyJ1cGRhdGVkX25zIiwgInRocmVhZF9pZCIsIHRydWUsIDUsICJ0Il0"},
    "range": {"updated_after": None},
}


@contextmanager
def statements(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """
    Note the statements that run on an engine.
    """
    noted: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement != "BEGIN":
            noted.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield noted
    event.remove(engine, "before_cursor_execute", note)


def plan(path: Path, statement: str, parameters: Any) -> str:
    """
    Ask SQLite how it would run a statement.
    """
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "; ".join(str(row[3]) for row in rows)


@pytest.mark.parametrize("request_", SEARCHES.values(), ids=SEARCHES)
async def test_orders_are_read_from_indexes(tmp_path: Path, request_: dict[str, Any]) -> None:
    """
    A search without metadata walks an index in its order and sorts nothing.
    """
    path = tmp_path / "runs.db"
    async with MetadataStore(path) as store:
        assert store._open is not None
        with statements(store._open.reader._engine) as noted:
            await store.search_thread_rows(request_)
    ((statement, parameters),) = noted
    how = plan(path, statement, parameters)
    assert "USING" in how
    assert "TEMP B-TREE" not in how


async def test_rare_metadata_is_where_a_search_begins(tmp_path: Path) -> None:
    """
    Threads of a rare value are looked up by it, whatever other values are asked for.
    """
    path = tmp_path / "runs.db"
    async with MetadataStore(path) as store:
        await make_threads(store, *map(str, range(20)), metadata={"all": 1})
        await make_threads(store, "rare", metadata={"all": 1, "rare": 1})
        assert store._open is not None
        with statements(store._open.reader._engine) as noted:
            await store.search_thread_rows({"metadata": {"all": 1, "rare": 1}})
    how = plan(path, *noted[-1])
    assert "SEARCH threads USING INDEX sqlite_autoindex_threads_1 (thread_id=?)" in how
    assert "SCAN threads" not in how


async def test_runs_are_read_from_indexes(tmp_path: Path) -> None:
    """
    Runs are fetched and listed without a scan or a sort.
    """
    path = tmp_path / "runs.db"
    async with MetadataStore(path) as store:
        await make_threads(store, "t")
        await make_runs(store, "t", "r")
        assert store._open is not None
        with statements(store._open.reader._engine) as noted:
            await store.fetch_thread_row("t")
            await store.fetch_run_row("t", "r")
            await store.list_run_rows("t", limit=5, offset=0)
            await store.list_run_rows("t", limit=5, offset=0, status_value="pending")
        writer = store._open.database._engine
        with statements(writer) as written:
            await store.fail_stale_runs(stale_after_seconds=5, error="gone")
            await store.sweep()
    plans = [plan(path, *each) for each in noted + written]
    assert len(plans) == 6
    assert not any("SCAN" in how for how in plans)
    # Of stale runs, which are few, those of one moment are sorted.
    assert not any("TEMP B-TREE" in how for how in plans[:4] + plans[5:])
    assert "thread_runs_in_flight" in plans[4]
    assert "threads_by_expiry" in plans[5]
