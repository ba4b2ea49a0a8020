"""
Lists of runs are read from an index in its order, whatever they are narrowed by.
"""

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.run_filters import RunFilter
from otel_bridge_storage.run_records import count_runs, list_runs
from run_store_data import when
from sqlalchemy import Connection, create_engine

INDEXES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "none": ({}, {"runs_by_start"}),
    "session": ({"session_id": "x"}, {"runs_by_session"}),
    "parent": ({"parent_run_id": "x"}, {"runs_by_parent"}),
    "user": ({"user_id": "x"}, {"runs_by_user"}),
    "tenant": ({"tenant_id": "x"}, {"runs_by_tenant"}),
    "agent": ({"agent_name": "x"}, {"runs_by_agent"}),
    "service": ({"service": "x"}, {"runs_by_service"}),
    "tag": ({"tag": "x"}, {"run_labels_found"}),
    "metadata": ({"metadata": {"k": 1}}, {"run_labels_found"}),
    "status": ({"status": "error"}, {"runs_by_status"}),
    "interrupted": ({"status": "interrupted"}, {"runs_by_status"}),
    "running": ({"status": "running"}, {"runs_by_status"}),
    "statuses": ({"status": ["error", "interrupted", "paused"]}, {"runs_by_status"}),
    "since": ({"started_after": when(0), "started_before": when(9)}, {"runs_by_start"}),
}
OURS = ("runs", "run_labels")
ALL = {name for _, names in INDEXES.values() for name in names}
CURSOR = "WzEsICJ4Il0"


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Connection]]:
    """
    A database without rows, and a connection that reads it.
    """
    path = tmp_path_factory.mktemp("plans") / "runs.db"
    open_database(path).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        yield path, connection
    engine.dispose()


def plans(reading: tuple[Path, Connection], wanted: RunFilter, **how: Any) -> list[list[str]]:
    """
    Give the steps of the plan of each thing that a list, or a count, asks the database.
    """
    path, connection = reading
    asked: list[str] = []
    driver: Any = connection.connection.driver_connection
    driver.set_trace_callback(asked.append)
    if how:
        list_runs(connection, wanted, offset=0, limit=50, **how)
    else:
        count_runs(connection, wanted)
    driver.set_trace_callback(None)
    with closing(sqlite3.connect(path)) as own:
        selects = [sql for sql in asked if sql.startswith("SELECT")]
        assert selects
        return [[r[3] for r in own.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in selects]


def wrongs(plan: list[list[str]]) -> list[str]:
    """
    Name the steps that sort, or read a table or an index whole that is not in order.
    """
    steps = [step for one in plan for step in one]
    sorts = [step for step in steps if "TEMP B-TREE" in step or "AUTOMATIC" in step]
    return sorts + [
        step
        for step in steps
        if step.startswith("SCAN") and step.split()[1] in OURS and "runs_by_start" not in step
    ]


def used(steps: list[str]) -> set[str]:
    """
    Name the indexes that a plan goes through.
    """
    return {word for step in steps for word in step.split() if word in ALL}


@pytest.mark.parametrize("cursor", [None, CURSOR])
@pytest.mark.parametrize("name", list(INDEXES))
def test_no_filter_sorts_or_reads_a_table(
    name: str, cursor: str | None, reading: tuple[Path, Connection]
) -> None:
    """
    The list and its next pages come from an index of what it is narrowed by.
    """
    told, indexes = INDEXES[name]
    plan = plans(reading, RunFilter(**told), cursor=cursor)
    assert not wrongs(plan)
    assert used(plan[-1]) == indexes


PAIRS = [
    pair
    for pair in itertools.combinations(INDEXES, 2)
    if not set(INDEXES[pair[0]][0]) & set(INDEXES[pair[1]][0]) and "none" not in pair
]


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_two_filters_are_two_indexes(
    pair: tuple[str, str], reading: tuple[Path, Connection]
) -> None:
    """
    One index narrows, and what it finds is looked up in the other, at its very place.
    """
    told: dict[str, Any] = {**INDEXES[pair[0]][0], **INDEXES[pair[1]][0]}
    plan = plans(reading, RunFilter(**told), cursor=None)
    assert not wrongs(plan)
    assert used(plan[-1]) == (INDEXES[pair[0]][1] | INDEXES[pair[1]][1]) - {"runs_by_start"}


@pytest.mark.parametrize("name", [name for name in INDEXES if name != "none"])
def test_counts_go_through_an_index(name: str, reading: tuple[Path, Connection]) -> None:
    """
    A count reads the part of an index that it is narrowed to.
    """
    plan = plans(reading, RunFilter(**INDEXES[name][0]))
    assert not wrongs(plan)
