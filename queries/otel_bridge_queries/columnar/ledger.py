"""
The transactions in which the cache is changed: who builds, which files there are.

Each is short. What a builder read and wrote in between counts only if nobody else began
to build meanwhile.
"""

import contextlib
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from otel_bridge_storage.sqlite_files import reader_uri

from otel_bridge_queries.columnar.layout import TABLES, shape_of, triggers_of
from otel_bridge_queries.columnar.manifest import (
    START,
    Segment,
    is_believable,
    relation_row,
    schema_cookie,
)
from otel_bridge_queries.relations import Relation

_PATIENCE_S = 5.0
TURN_NS = 15 * 10**9
# A reader holds its snapshot for as long as one report takes.
_GRACE_NS = 120 * 10**9


@dataclass(frozen=True, slots=True)
class Turn:
    """
    The right to add a file to a relation, until somebody else takes it.

    Attributes:
        tracked_key: Up to which key changes of rows are noted; no file may go beyond.
    """

    relation: Relation
    epoch: int
    tracked_key: int


class Ledger:
    """
    Writes what the cache keeps in the database.

    Args:
        database: The file.
    """

    def __init__(self, database: Path) -> None:
        self._builder = f"{os.getpid()}-{uuid.uuid4().hex}"
        self._connection = sqlite3.connect(
            reader_uri(database),
            uri=True,
            timeout=_PATIENCE_S,
            check_same_thread=False,
            isolation_level=None,
        )
        # Losing what was said last loses some work, and nothing else.
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def begin(self, relation: Relation) -> Turn | None:
        """
        Begin an epoch, in which changes of all rows there are now will be noted.

        Returns:
            None if somebody else is building.
        """
        with self._transaction() as connection, _keeping_faith(connection):
            _make_tables(connection)
            row = relation_row(connection, relation)
            if row is None or not is_believable(connection, relation, *row[:2]):
                self._begin_anew(relation, 0 if row is None else row[2])
            elif self._is_taken(relation):
                return None
            return self._take(relation)

    def add(self, turn: Turn, segment: Segment, instead_of: Sequence[Segment]) -> bool:
        """
        Add a file that holds its rows as they were after the turn began.

        Returns:
            False if somebody else has begun to build since; the file is not wanted then.
        """
        name = turn.relation.name
        with self._transaction() as connection:
            (epoch, builder) = connection.execute(
                "SELECT epoch, builder FROM columnar_relations WHERE name = ?", (name,)
            ).fetchone() or (None, None)
            if (epoch, builder) != (turn.epoch, self._builder):
                return False
            self._retire(connection, [old.file for old in instead_of])
            connection.execute(
                "INSERT INTO columnar_segments (file, name, after_key, last_key, rows, bytes) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    segment.file,
                    name,
                    segment.after_key,
                    segment.last_key,
                    segment.rows,
                    segment.bytes,
                ),
            )
            connection.execute(
                "DELETE FROM columnar_changes "
                "WHERE name = ? AND row_key > ? AND row_key <= ? AND epoch < ?",
                (name, segment.after_key, segment.last_key, epoch),
            )
            return True

    def prolong(self, turn: Turn) -> None:
        """
        Say that the builder is at work still, so that nobody else begins the same.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE columnar_relations SET builder_until_ns = ? "
                "WHERE name = ? AND builder = ? AND epoch = ?",
                (time.time_ns() + TURN_NS, turn.relation.name, self._builder, turn.epoch),
            )

    def release(self, turn: Turn) -> None:
        """
        Let others build.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE columnar_relations SET builder = NULL WHERE name = ? AND builder = ?",
                (turn.relation.name, self._builder),
            )

    def forget(self, relation: Relation) -> None:
        """
        Keep nothing of a relation any more: its files are lost or damaged.
        """
        with self._transaction() as connection, _keeping_faith(connection):
            row = relation_row(connection, relation)
            if row is not None:
                self._begin_anew(relation, row[2])

    def unwanted(self, folder: Path, *, at_once: bool = False) -> list[Path]:
        """
        Name the files that nobody needs any more, and strike them off the list.

        Args:
            at_once: Also those that readers with an older snapshot may still want.
        """
        now_ns = time.time_ns()
        grace_ns = 0 if at_once else _GRACE_NS
        # Before the list is read: a file that is added meanwhile is no stray.
        found = list(folder.iterdir()) if folder.exists() else []
        with self._transaction() as connection, _keeping_faith(connection):
            _make_tables(connection)
            listed = {f for (f,) in connection.execute("SELECT file FROM columnar_segments")}
            obsolete = dict(connection.execute("SELECT file, since_ns FROM columnar_obsolete"))
            gone = [f for f, since_ns in obsolete.items() if since_ns + grace_ns <= now_ns]
            connection.executemany("DELETE FROM columnar_obsolete WHERE file = ?", zip(gone))
        strays = (
            path
            for path in found
            if path.name not in listed
            and path.name not in obsolete
            and (at_once or _written_ns(path) + _GRACE_NS <= now_ns)
        )
        return [*(folder / file for file in gone), *strays]

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._connection.close()

    def _begin_anew(self, relation: Relation, epoch: int) -> None:
        connection = self._connection
        name = relation.name
        files = connection.execute("SELECT file FROM columnar_segments WHERE name = ?", (name,))
        self._retire(connection, [file for (file,) in files])
        connection.execute("DELETE FROM columnar_changes WHERE name = ?", (name,))
        known = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB ?",
            (f"columnar_{name}_*",),
        )
        for (trigger,) in known.fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        for statement in triggers_of(relation).values():
            connection.execute(statement)
        connection.execute(
            "INSERT OR REPLACE INTO columnar_relations "
            "(name, shape, schema_cookie, tracked_key, epoch) VALUES (?, ?, 0, ?, ?)",
            (name, shape_of(relation), START, epoch),
        )

    def _is_taken(self, relation: Relation) -> bool:
        builder, until_ns = self._connection.execute(
            "SELECT builder, builder_until_ns FROM columnar_relations WHERE name = ?",
            (relation.name,),
        ).fetchone()
        # A time beyond the turn is one of a clock that was set back.
        left_ns = (until_ns or 0) - time.time_ns()
        return builder not in (None, self._builder) and 0 < left_ns <= TURN_NS

    def _take(self, relation: Relation) -> Turn:
        connection = self._connection
        (last,) = connection.execute(
            f"SELECT coalesce(max({relation.key}), {START}) FROM {relation.table}"  # noqa: S608
        ).fetchone()
        connection.execute(
            "UPDATE columnar_relations SET schema_cookie = ?, tracked_key = max(tracked_key, ?), "
            "epoch = epoch + 1, builder = ?, builder_until_ns = ? WHERE name = ?",
            (
                schema_cookie(connection),
                last,
                self._builder,
                time.time_ns() + TURN_NS,
                relation.name,
            ),
        )
        epoch, tracked_key = connection.execute(
            "SELECT epoch, tracked_key FROM columnar_relations WHERE name = ?", (relation.name,)
        ).fetchone()
        return Turn(relation, epoch, tracked_key)

    def _retire(self, connection: sqlite3.Connection, files: Sequence[str]) -> None:
        now_ns = time.time_ns()
        for file in files:
            connection.execute("DELETE FROM columnar_segments WHERE file = ?", (file,))
            connection.execute(
                "INSERT OR REPLACE INTO columnar_obsolete (file, since_ns) VALUES (?, ?)",
                (file, now_ns),
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()


def _written_ns(path: Path) -> int:
    """
    Say when a file was written; now, where somebody else deletes it just then.
    """
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return time.time_ns()


def _make_tables(connection: sqlite3.Connection) -> None:
    for table in TABLES:
        connection.execute(table)


@contextlib.contextmanager
def _keeping_faith(connection: sqlite3.Connection) -> Iterator[None]:
    """
    Let what was believed before our own changes of the schema be believed after them.
    """
    before = schema_cookie(connection)
    yield
    after = schema_cookie(connection)
    if after != before:
        connection.execute(
            "UPDATE columnar_relations SET schema_cookie = ? WHERE schema_cookie = ?",
            (after, before),
        )
