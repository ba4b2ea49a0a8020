"""
Reports asked over one database for long, here or in another process, and the truth beside.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from otel_bridge_queries import Queries, catalog
from otel_bridge_queries.columnar import upkeep
from otel_bridge_queries.engine import fetch
from otel_bridge_queries.relations import RELATIONS, Column, Relation
from otel_bridge_queries.sqlite_rows import prepare
from otel_bridge_storage import liveness

Rows = Counter[tuple[Any, ...]]
KEPT = [relation for relation in RELATIONS.values() if not relation.volatile]


def shrink() -> None:
    """
    Let files be of a few rows, and be written for fewer; no writer dies of a slow machine.
    """
    liveness.SILENCE_S = 3600.0
    upkeep.ENOUGH_ROWS, upkeep.MANY_CHANGES, upkeep.SEGMENT_ROWS = 2, 1, 5


def held(queries: Queries) -> dict[str, Rows]:
    """
    Give all rows of all relations as reports see them.
    """

    def ask() -> dict[str, Rows]:
        with queries._loader.current(RELATIONS):
            return {relation.name: _held(queries, relation) for relation in KEPT}

    with queries._alone():
        return queries._patiently(ask)


def truth(path: Path) -> dict[str, Rows]:
    """
    Give the same rows as SQLite itself tells them.
    """
    with closing(sqlite3.connect(path)) as connection:
        prepare(connection)
        return {
            relation.name: Counter(
                tuple(map(_told, relation.columns, row))
                for row in connection.execute(_select(relation))
            )
            for relation in KEPT
        }


def answers(queries: Queries) -> dict[str, Any]:
    """
    Ask each report that can be grouped by each of its keys, and the lists.
    """
    made: dict[str, Any] = {}
    for report in catalog.REPORTS:
        method: Callable[..., Any] | None = getattr(queries, report.name, None)
        if method is None or not report.keys:
            continue
        for key in report.keys:
            asked = "metadata.plan" if key == "metadata" else key
            made[f"{report.name} by {asked}"] = method(asked).rows
    made["runs"] = queries.run_views().rows
    made["steps"] = queries.step_views(session_id=["s1", "s2"], include_rolled_back=True).rows
    return made


def serve(pipe: Connection, path: str) -> None:
    """
    Answer with `held` and `answers` for as long as somebody asks.
    """
    shrink()
    with Queries(path, cache=True) as queries:
        while pipe.recv():
            try:
                pipe.send((held(queries), answers(queries)))
            except Exception as error:  # noqa: BLE001 - told to the one who asked
                pipe.send(error)


def _held(queries: Queries, relation: Relation) -> Rows:
    names = ", ".join(column.name for column in relation.columns)
    result = fetch(queries._engine, f"SELECT {names} FROM loaded.{relation.name}")
    return Counter(
        tuple(tuple(value) if isinstance(value, list) else value for value in row)
        for row in result.rows
    )


def _select(relation: Relation) -> str:
    values = ", ".join(column.source for column in relation.columns)
    where = "" if relation.where is None else f" WHERE {relation.where}"
    return f"SELECT {values} FROM {relation.origin}{where}"


def _told(column: Column, value: Any) -> Any:
    if column.function is not None and value is not None:
        value = column.function(value)
    if column.type == "VARCHAR[]":
        return tuple(json.loads(value or "[]"))
    return bool(value) if column.type == "BOOLEAN" and value is not None else value
