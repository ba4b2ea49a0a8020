"""
Keeping the cache worth reading: new rows into files, changed rows out of old ones.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import duckdb
from otel_bridge_storage.addresses import Address

from otel_bridge_queries.cache_folder import columnar_folder, make_cache_folder
from otel_bridge_queries.columnar.ledger import TURN_NS, Ledger, Turn
from otel_bridge_queries.columnar.manifest import (
    Manifest,
    Segment,
    are_there,
    read_manifest,
    relation_row,
)
from otel_bridge_queries.columnar.segment_writer import Kept, SegmentWriter
from otel_bridge_queries.prefetching import prefetched
from otel_bridge_queries.relations import RELATIONS, Relation
from otel_bridge_queries.sqlite_rows import LAST_KEY, changed_rows, chunks
from otel_bridge_queries.sqlite_source import SqliteSnapshot, SqliteSource

# As many rows as are copied for each question in less time than one looks up.
ENOUGH_ROWS = 5_000
MANY_CHANGES = 5_000
SEGMENT_ROWS = 122_880
_CHUNK_ROWS = 2_500
_WAIT_S = 0.05

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
Planner = Callable[[SqliteSnapshot, Relation, Manifest], T | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The next file to write.

    Attributes:
        instead_of: The file whose rows it takes over.
        rows: How many new rows it takes in at most.
    """

    instead_of: Segment | None
    rows: int


def planned(
    snapshot: SqliteSnapshot, relation: Relation, manifest: Manifest, *, upto: int = LAST_KEY
) -> Plan | None:
    """
    Say which file should be written next, if any.

    Args:
        upto: Up to which key rows may go into files.
    """
    if _has_rows(snapshot, relation, manifest.end, upto, ENOUGH_ROWS):
        last = manifest.segments[-1] if manifest.segments else None
        if last is None or last.rows > SEGMENT_ROWS - ENOUGH_ROWS:
            return Plan(None, SEGMENT_ROWS)
        return Plan(last, SEGMENT_ROWS - last.rows)
    if len(manifest.changed) > MANY_CHANGES:
        return Plan(max(manifest.segments, key=lambda s: len(manifest.changed_in(s))), 0)
    return None


def _all_changed(_: SqliteSnapshot, __: Relation, manifest: Manifest) -> list[Segment]:
    return [segment for segment in manifest.segments if manifest.changed_in(segment)]


def _anew(_: SqliteSnapshot, __: Relation, manifest: Manifest, *, segment: Segment) -> Plan | None:
    return Plan(segment, 0) if segment in manifest.segments else None


def _has_rows(
    snapshot: SqliteSnapshot, relation: Relation, after: int, upto: int, count: int
) -> bool:
    key = relation.key
    found = snapshot.reader.execute(
        f"SELECT 1 FROM {relation.table} WHERE {key} > ? AND {key} <= ? LIMIT 1 OFFSET ?",  # noqa: S608
        (after, upto, count - 1),
    ).fetchone()
    return found is not None


class Upkeep:
    """
    Writes the files of one database's cache.

    Args:
        address: A SQLite file.
        progress: Called with the relation's name, how much of it is in files and how
            much there is; the two are keys of rows, which rise with their number.
    """

    def __init__(self, address: Address, path: Path, *, progress: Progress | None = None) -> None:
        self._path = path
        self._folder = columnar_folder(path)
        self._source = SqliteSource(address)
        self._progress = progress
        self._opened = contextlib.ExitStack()

    def bring_forward(self, relation: Relation) -> None:
        """
        Write files until few rows are in none and few have changed.

        Where somebody else is at it, wait for that.

        Raises:
            OSError, sqlite3.Error, duckdb.Error: The disk or the database refused.
        """
        wrote = False
        while self._look(relation, planned) is not None:
            with self._turn(relation) as turn:
                wrote |= self._build_patiently(turn, partial(planned, upto=turn.tracked_key))
        if wrote:
            self.tidy()

    def renew(self, relation: Relation) -> None:
        """
        Write each file anew in which a row has changed, so that it holds nothing of
        what was; nobody who began to write before adds another.

        Raises:
            OSError, sqlite3.Error, duckdb.Error: The disk or the database refused.
        """
        with self._turn(relation):
            pass
        for segment in self._look(relation, _all_changed) or ():
            with self._turn(relation) as turn:
                self._build_patiently(turn, partial(_anew, segment=segment))

    def keeps(self, relation: Relation) -> bool:
        """
        Whether the cache ever held something of a relation.
        """
        with self._source.snapshot() as snapshot:
            return relation_row(snapshot.reader, relation) is not None

    def tidy(self, *, at_once: bool = False) -> list[Path]:
        """
        Delete files that nobody needs.

        Returns:
            Those that could not be deleted now.
        """
        left = []
        for path in self._ledger.unwanted(self._folder, at_once=at_once):
            try:
                path.unlink(missing_ok=True)
            except OSError:
                # Somebody reads it, on a system that keeps open files.
                left.append(path)
        return left

    def drop_damaged(self) -> bool:
        """
        Keep nothing more of relations of which a file cannot be read.

        Returns:
            Whether there are any.
        """
        found = False
        for relation in RELATIONS.values():
            with self._source.snapshot() as snapshot:
                manifest = read_manifest(snapshot.reader, relation) or Manifest()
            there = are_there(self._folder, manifest.segments)
            if not (there and all(map(self._writer.can_read, manifest.segments))):
                self._ledger.forget(relation)
                found = True
        return found

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._source.close()
        self._opened.close()

    @cached_property
    def _ledger(self) -> Ledger:
        return self._opened.enter_context(contextlib.closing(Ledger(self._path)))

    @cached_property
    def _writer(self) -> SegmentWriter:
        return self._opened.enter_context(contextlib.closing(SegmentWriter(self._folder)))

    @contextlib.contextmanager
    def _turn(self, relation: Relation) -> Iterator[Turn]:
        while (turn := self._ledger.begin(relation)) is None:
            time.sleep(_WAIT_S)
        try:
            yield turn
        finally:
            self._ledger.release(turn)

    def _look(self, relation: Relation, planner: Planner[T]) -> T | None:
        """
        Say what a planner says; files that were deleted count as if they had never been.
        """
        with self._source.snapshot() as snapshot:
            manifest = read_manifest(snapshot.reader, relation) or Manifest()
            lost = not are_there(self._folder, manifest.segments)
            told = planner(snapshot, relation, Manifest() if lost else manifest)
        if lost:
            self._ledger.forget(relation)
        return told

    def _build_patiently(self, turn: Turn, planner: Planner[Plan]) -> bool:
        try:
            return self._build(turn, planner)
        except (OSError, duckdb.Error):
            # The file to go on from may be lost.
            if not self.drop_damaged():
                raise
            return False

    def _build(self, turn: Turn, planner: Planner[Plan]) -> bool:
        """
        Write the next file, if one should be written.
        """
        relation = turn.relation
        with self._source.snapshot() as snapshot:
            manifest = read_manifest(snapshot.reader, relation) or Manifest()
            plan = planner(snapshot, relation, manifest)
            if plan is None:
                return False
            if not are_there(self._folder, manifest.segments):
                self._ledger.forget(relation)
                return False
            make_cache_folder(self._path)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            segment = self._write(snapshot, turn, manifest, plan)
        old = plan.instead_of
        if not self._ledger.add(turn, segment, () if old is None else (old,)):
            (self._folder / segment.file).unlink(missing_ok=True)
            return False
        return True

    def _write(
        self, snapshot: SqliteSnapshot, turn: Turn, manifest: Manifest, plan: Plan
    ) -> Segment:
        relation = turn.relation
        old = plan.instead_of
        end = manifest.end
        upto, last = _reach(snapshot, turn, end, plan.rows)
        fresh = chunks(snapshot.reader, relation, size=_CHUNK_ROWS, after=end, upto=upto)
        kept = None
        if old is not None:
            changed = manifest.changed_in(old)
            kept = Kept(old, changed)
            again = changed_rows(snapshot.reader, relation, json.dumps(changed), size=_CHUNK_ROWS)
            fresh = chain(again, fresh)
        segment = self._writer.write(
            relation,
            self._prolonging(turn, prefetched(fresh)),
            kept=kept,
            after_key=end if old is None else old.after_key,
            last_key=upto if old is None or plan.rows else old.last_key,
        )
        if self._progress is not None:
            self._progress(relation.name, upto, last)
        return segment

    def _prolonging(self, turn: Turn, items: Iterable[T]) -> Iterator[T]:
        """
        Keep a turn for as long as items come: two who take over from each other in turns
        would never be done.
        """
        told_ns = time.time_ns()
        for item in items:
            if time.time_ns() - told_ns > TURN_NS // 3:
                # Without it somebody else may begin, and what is written here is left.
                with contextlib.suppress(sqlite3.OperationalError):
                    self._ledger.prolong(turn)
                told_ns = time.time_ns()
            yield item


def _reach(snapshot: SqliteSnapshot, turn: Turn, after: int, rows: int) -> tuple[int, int]:
    """
    Give the key up to which there are so many rows more that a file may have, and the
    highest of all.
    """
    key, table = turn.relation.key, turn.relation.table
    (upto,) = snapshot.reader.execute(
        f"SELECT coalesce(max({key}), ?1) FROM "  # noqa: S608
        f"(SELECT {key} FROM {table} WHERE {key} > ?1 AND {key} <= ?3 ORDER BY {key} LIMIT ?2)",
        (after, rows, turn.tracked_key),
    ).fetchone()
    (last,) = snapshot.reader.execute(
        f"SELECT coalesce(max({key}), ?) FROM {table}",  # noqa: S608
        (after,),
    ).fetchone()
    return upto, last
