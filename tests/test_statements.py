"""
Writing many rows: each once, in order, with few runs of a statement.
"""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.schema import messages
from otel_bridge_storage.statements import Rows
from sqlalchemy import bindparam, insert, select, update

INSERT = Rows(insert(messages))
UPDATE = Rows(
    update(messages).where(messages.c.id == bindparam("at")).values(body=bindparam("text"))
)


def rows(count: int, first: int = 1) -> list[dict[str, Any]]:
    """
    Make rows of messages.
    """
    numbers = range(first, first + count)
    return [{"id": n, "hash": n.to_bytes(16, "big"), "body": f"text {n}"} for n in numbers]


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 49, 50, 51, 60, 99, 100, 137, 1000])
def test_every_row_is_inserted_once_in_order(count: int, tmp_path: Path) -> None:
    """
    However many rows there are, what is stored is what was given, and an update of all of
    them meets each.
    """
    given = rows(count)
    with open_database(tmp_path / "runs.db") as database:
        with database.transaction() as connection:
            INSERT.write(connection, given)
            UPDATE.write(connection, [{"at": r["id"], "text": f"{r['body']}!"} for r in given])
        with database.transaction() as connection:
            found = connection.execute(select(messages).order_by(messages.c.id)).mappings().all()
    assert [dict(row) for row in found] == [{**r, "body": f"{r['body']}!"} for r in given]


def test_many_rows_take_few_runs_of_a_statement(tmp_path: Path) -> None:
    """
    Python's lock is let go for each run, which must not be for each row.
    """
    with open_database(tmp_path / "runs.db") as database, database.transaction() as connection:
        driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        ran: list[str] = []
        driver.set_trace_callback(ran.append)
        INSERT.write(connection, rows(500))
        driver.set_trace_callback(None)
    assert len([text for text in ran if text.startswith("INSERT")]) == 10


def test_one_refused_row_refuses_the_batch(tmp_path: Path) -> None:
    """
    A row that a constraint refuses fails the transaction, and none of its rows is stored.
    """
    with open_database(tmp_path / "runs.db") as database:
        with (
            pytest.raises(Exception, match="UNIQUE"),
            database.transaction() as connection,
        ):
            INSERT.write(connection, [*rows(60), *rows(1, first=30)])
        with database.transaction() as connection:
            assert connection.execute(select(messages.c.id)).first() is None
