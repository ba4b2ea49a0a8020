"""
Texts that are stored once and referred to.
"""

import pytest
from backends import Backend, store, table
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import SpanRecord
from sqlalchemy import text
from trees import agent, span

SHELF = 65_536
LONG = "What is said again and again. " * 20


def says(number: int) -> list[SpanRecord]:
    """
    Make a span that holds the text.
    """
    return [span(number, 1, **agent("planner", **{"gen_ai.prompt": LONG}))]


@pytest.mark.parametrize(("texts_between", "copies"), [(0, 1), (SHELF, 1), (2 * SHELF, 2)])
def test_a_text_is_stored_once_among_the_latest(
    backend: Backend, texts_between: int, copies: int
) -> None:
    """
    A writer that begins anew finds a text among the latest 65,536 and stores it again only
    when it is older than those of two shelves.
    """
    store(backend.target, [says(1)])
    with open_database(backend.target) as database, database.transaction() as connection:
        connection.execute(
            text("UPDATE counters SET value = value + :more WHERE name = 'message'"),
            {"more": texts_between},
        )
    store(backend.target, [says(2)])
    store(backend.target, [says(3)])
    bodies = [row["body"] for row in table(backend.target, "messages")]
    assert bodies.count(LONG) == copies
