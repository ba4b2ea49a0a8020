"""
Labels: the rows by which runs are found by tags and metadata follow the runs.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from backends import Backend, table
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.labels import METADATA, TAG, comparable, key, run_labels_of
from otel_bridge_storage.opening import open_database
from run_store_data import FlatPricer, PlainReader, at, call, run, write, writing
from stored import rows

LABELS = "SELECT run_id, kind, name, value, started_ns FROM run_labels ORDER BY 1, 2, 3, 4"


def test_labels_are_written_with_their_run(tmp_path: Path) -> None:
    """
    Each tag and each key of metadata is a row with the run's start.
    """
    told: dict[str, Any] = {"tags": ("red", "blue"), "metadata": {"n": 1.0, "k": None}}
    path = write(tmp_path / "runs.db", run("01", "r", 3, 4, **told), run("02", "bare", 0, 1))
    assert rows(path, LABELS) == [
        ("r", METADATA, "k", "null", at(3)),
        ("r", METADATA, "n", "1", at(3)),
        ("r", TAG, "", '"blue"', at(3)),
        ("r", TAG, "", '"red"', at(3)),
    ]


def test_labels_follow_what_changes(tmp_path: Path) -> None:
    """
    What arrives late about tags, metadata or the start replaces the labels, and an end
    alone touches none of them.
    """
    path = tmp_path / "runs.db"
    with open_database(path) as database:
        ingestor = Ingestor(database, reader=PlainReader(), pricer=FlatPricer())
        ingestor.apply([run("02", "r", 5, None, tags=("red",))])
        written: list[str] = []
        with database.transaction() as connection:
            driver: Any = connection.connection.driver_connection
            driver.set_trace_callback(lambda sql: written.append(sql.lower()))
        ingestor.apply([run("02", "r", 5, 6, tags=("red",))])
        assert not [sql for sql in written if "run_labels" in sql]
        assert rows(path, LABELS) == [("r", TAG, "", '"red"', at(5))]
        ingestor.apply([run("01", "r", 2, 3, tags=("blue",))])
        assert [sql for sql in written if "run_labels" in sql]
    assert rows(path, LABELS) == [
        ("r", TAG, "", '"blue"', at(2)),
        ("r", TAG, "", '"red"', at(2)),
    ]


def test_runs_without_labels_cost_no_statement(tmp_path: Path) -> None:
    """
    Nothing is read from or written to the labels for runs that have none.
    """
    with writing(tmp_path / "runs.db") as ingestor:
        seen: list[str] = []
        with ingestor._database.transaction() as connection:
            driver: Any = connection.connection.driver_connection
            driver.set_trace_callback(seen.append)
        ingestor.apply([run("01", "r", 0, None)])
        ingestor.apply([run("01", "r", 0, 1)])
        assert [sql for sql in seen if "INSERT INTO runs" in sql]
        assert not [sql for sql in seen if "run_labels" in sql]


def test_labels_go_with_their_run(backend: Backend) -> None:
    """
    A run that turns out to be none, since its calls belong to another, leaves no labels.
    """
    with open_database(backend.target) as database:
        ingestor = Ingestor(database, reader=PlainReader(), pricer=FlatPricer())
        told: dict[str, Any] = {"tags": ("red",), "metadata": {"k": 1}}
        ingestor.apply([call("02", 1, 2, parent="01", model="m", **told)])
        assert {label["run_id"] for label in table(backend.target, "run_labels")} != set()
        ingestor.apply([run("01", "r", 0, 3)])
        there = {row["run_id"] for row in table(backend.target, "runs")}
        assert there == {"r"}
        assert {label["run_id"] for label in table(backend.target, "run_labels")} <= there


@pytest.mark.parametrize("name", ["n", "é" * 300, "\ud800", "nul\x00"])
def test_keys_of_any_kind_are_found_again(name: str, backend: Backend) -> None:
    """
    A key is stored under the text under which it is looked for, and that fits an index.
    """
    with open_database(backend.target) as database:
        ingestor = Ingestor(database, reader=PlainReader(), pricer=FlatPricer())
        ingestor.apply([run("01", "r", 0, 1, metadata={name: "x" * 5000})])
    (label,) = table(backend.target, "run_labels")
    assert (label["name"], label["value"]) == (key(name), comparable("x" * 5000))
    assert len(label["name"].encode()) + len(label["value"].encode()) < 2000


def test_a_row_says_each_label_once() -> None:
    """
    Tags and keys that are the same to the database make one row.
    """
    row = {
        "run_id": "r",
        "started_ns": 1,
        "tags": json.dumps(["a", "a"]),
        "metadata": json.dumps({"k\x00": 1, "k\ufffd": 1}),
    }
    assert len(run_labels_of(row)) == 2
