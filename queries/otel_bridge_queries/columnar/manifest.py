"""
Which files hold a relation, and which of their rows have changed since, at one moment.
"""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from otel_bridge_queries.columnar.layout import shape_of, triggers_of
from otel_bridge_queries.relations import ROW_ID, Relation

START = -1


@dataclass(frozen=True, slots=True)
class Segment:
    """
    One file: the rows whose keys are above `after_key` and up to `last_key`.
    """

    file: str
    after_key: int
    last_key: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    What the cache holds of a relation at one moment.

    Attributes:
        segments: In the order of their keys, each beginning where the one before ends.
        changed: The keys of rows in them that are not as they were, in order.
        epoch: What changes are noted under.
    """

    segments: tuple[Segment, ...] = ()
    changed: tuple[int, ...] = ()
    epoch: int = 0

    @property
    def end(self) -> int:
        """
        The key up to which rows are in files.
        """
        return self.segments[-1].last_key if self.segments else START

    def changed_in(self, segment: Segment) -> list[int]:
        """
        List the keys of a segment whose rows are not as they were.
        """
        begin = bisect_right(self.changed, segment.after_key)
        return list(self.changed[begin : bisect_right(self.changed, segment.last_key)])


def read_manifest(reader: sqlite3.Connection, relation: Relation) -> Manifest | None:
    """
    Read what the cache holds of a relation; None where it keeps none or may not be believed.
    """
    row = relation_row(reader, relation)
    if row is None or not is_believable(reader, relation, *row[:2]):
        return None
    found = reader.execute(
        "SELECT file, after_key, last_key, rows, bytes FROM columnar_segments "
        "WHERE name = ? ORDER BY last_key",
        (relation.name,),
    )
    segments = tuple(Segment(*row) for row in found)
    end = segments[-1].last_key if segments else START
    changes = reader.execute(
        "SELECT DISTINCT row_key FROM columnar_changes WHERE name = ? AND row_key <= ? ORDER BY 1",
        (relation.name, end),
    )
    return Manifest(segments, tuple(key for (key,) in changes), row[2])


def relation_row(
    connection: sqlite3.Connection, relation: Relation
) -> tuple[str, int, int] | None:
    """
    Read a relation's shape, schema cookie and epoch.
    """
    try:
        row: tuple[str, int, int] | None = connection.execute(
            "SELECT shape, schema_cookie, epoch FROM columnar_relations WHERE name = ?",
            (relation.name,),
        ).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    return row


def is_believable(
    connection: sqlite3.Connection, relation: Relation, shape: str, cookie: int
) -> bool:
    """
    Whether all changes were noted since the relation's files were begun.

    SQLite counts up a cookie with every change of the schema and with VACUUM. If it is
    the same, the triggers are there and row ids mean what they did.
    """
    if shape != shape_of(relation):
        return False
    if cookie == schema_cookie(connection):
        return True
    return relation.key != ROW_ID and has_triggers(connection, relation)


def has_triggers(connection: sqlite3.Connection, relation: Relation) -> bool:
    """
    Whether the database has all of a relation's triggers as they must be.
    """
    wanted = triggers_of(relation)
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' "
        "AND name IN (SELECT value FROM json_each(?))",
        (json.dumps(list(wanted)),),
    )
    return dict(found.fetchall()) == wanted


def schema_cookie(connection: sqlite3.Connection) -> int:
    """
    Give the number that SQLite counts up with every change of the schema.
    """
    (cookie,) = connection.execute("PRAGMA schema_version").fetchone()
    return int(cookie)


def are_there(folder: Path, segments: Sequence[Segment]) -> bool:
    """
    Whether all files are where they should be, and whole by their size.
    """
    try:
        return all((folder / s.file).stat().st_size == s.bytes for s in segments)
    except OSError:
        return False
