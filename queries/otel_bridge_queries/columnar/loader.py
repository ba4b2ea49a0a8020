"""
Relations read from the cache's files, and from the database what these do not hold.
"""

import contextlib
import json
import logging
import sqlite3
from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import duckdb
from otel_bridge_storage.addresses import Address
from otel_bridge_storage.errors import OtelBridgeError

from otel_bridge_queries.cache_folder import columnar_folder
from otel_bridge_queries.columnar.manifest import Manifest, Segment, are_there, read_manifest
from otel_bridge_queries.columnar.upkeep import Progress, Upkeep
from otel_bridge_queries.engine import quoted
from otel_bridge_queries.filling import fill, note_dead_writers
from otel_bridge_queries.held_source import HeldSource
from otel_bridge_queries.prefetching import prefetched
from otel_bridge_queries.relations import RELATIONS, Relation
from otel_bridge_queries.sqlite_rows import changed_rows, chunks
from otel_bridge_queries.sqlite_source import SqliteSnapshot, SqliteSource

_CHUNK_ROWS = 2_500
# What may keep a reader from bringing the cache forward.
_FAILURES = (OSError, sqlite3.Error, duckdb.Error, OtelBridgeError)
_log = logging.getLogger("otel_bridge")


class ColumnarLoader:
    """
    Makes each relation a view over the files that hold most of it and over the rest.

    Args:
        address: A SQLite file.
        writes: Whether this reader may bring the cache forward.
    """

    def __init__(
        self,
        address: Address,
        path: Path,
        engine: duckdb.DuckDBPyConnection,
        *,
        writes: bool,
        progress: Progress | None = None,
    ) -> None:
        self._address, self._path = address, path
        self._folder = columnar_folder(path)
        self._engine = engine
        self._source: HeldSource[SqliteSnapshot] = HeldSource(SqliteSource(address))
        self._writes = writes
        self._progress = progress
        self._upkeep: Upkeep | None = None
        self._distrusts = False
        self._reads_files = False
        self._stamp: Hashable | None = None
        self._loaded: set[str] = set()
        for relation in RELATIONS.values():
            self._prepare(relation)

    @contextlib.contextmanager
    def current(self, relations: Iterable[str]) -> Iterator[SqliteSnapshot]:
        """
        Make the named relations hold what the database holds now, all at one moment.
        """
        wanted = [RELATIONS[name] for name in sorted(relations)]
        with self._source.snapshot() as snapshot:
            if self._has(snapshot, wanted):
                yield snapshot
                return
        if not self._source.is_held:
            self._bring_forward(wanted)
        with self._source.snapshot() as snapshot:
            self._refresh(snapshot, wanted)
            yield snapshot

    @contextlib.contextmanager
    def hold(self, relations: Iterable[str]) -> Iterator[None]:
        """
        Let all that is made current inside be as of one moment.
        """
        if not self._source.is_held:
            self._bring_forward([RELATIONS[name] for name in sorted(relations)])
        with self._source.hold():
            yield

    def doubt(self) -> bool:
        """
        Look for files that are lost or damaged, since something could not be read.

        Returns:
            Whether asking again may help.
        """
        self._stamp = None
        if not self._reads_files:
            return False
        self._distrusts = not self._mend()
        return True

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._source.close()
        if self._upkeep is not None:
            self._upkeep.close()

    def _has(self, snapshot: SqliteSnapshot, wanted: Iterable[Relation]) -> bool:
        if snapshot.stamp != self._stamp:
            self._loaded.clear()
            self._stamp = None
            return False
        if any(relation.name not in self._loaded for relation in wanted):
            return False
        self._note_dead_writers(snapshot, wanted)
        return True

    def _refresh(self, snapshot: SqliteSnapshot, wanted: Iterable[Relation]) -> None:
        if snapshot.stamp != self._stamp:
            self._loaded.clear()
            self._stamp = snapshot.stamp
        for relation in wanted:
            if relation.name not in self._loaded:
                self._load(snapshot, relation)
                self._loaded.add(relation.name)
        self._note_dead_writers(snapshot, wanted)

    def _note_dead_writers(self, snapshot: SqliteSnapshot, wanted: Iterable[Relation]) -> None:
        if any(relation.name == "open_runs" for relation in wanted):
            note_dead_writers(self._engine, snapshot.dead_writers())

    def _load(self, snapshot: SqliteSnapshot, relation: Relation) -> None:
        manifest = self._manifest(snapshot, relation)
        self._reads_files |= bool(manifest.segments)
        keys = json.dumps(manifest.changed)
        reader = snapshot.reader
        rest = chunks(reader, relation, size=_CHUNK_ROWS, after=manifest.end)
        again = changed_rows(reader, relation, keys, size=_CHUNK_ROWS) if manifest.changed else ()
        fill(
            self._engine,
            relation.create_recent,
            f"INSERT INTO loaded.{relation.name}_recent BY NAME {relation.rows}",
            (chunk.lists[1:] for chunk in prefetched(chain(rest, again))),
            of=self._address,
        )
        self._engine.execute(f"TRUNCATE loaded.{relation.name}_changed")
        self._engine.execute(
            f"INSERT INTO loaded.{relation.name}_changed "
            "SELECT unnest(from_json(?, '[\"BIGINT\"]'))",
            [keys],
        )
        self._engine.execute(self._view(relation, manifest))

    def _manifest(self, snapshot: SqliteSnapshot, relation: Relation) -> Manifest:
        if relation.volatile or self._distrusts:
            return Manifest()
        manifest = read_manifest(snapshot.reader, relation)
        usable = manifest is not None and are_there(self._folder, manifest.segments)
        return manifest if manifest is not None and usable else Manifest()

    def _view(self, relation: Relation, manifest: Manifest) -> str:
        changed = {s for s in manifest.segments if manifest.changed_in(s)}
        clean = [s for s in manifest.segments if s not in changed]
        columns = ", ".join(column.name for column in relation.columns)
        parts = [f"SELECT {columns} FROM loaded.{relation.name}_recent"]  # noqa: S608
        if clean:
            parts.append(f"SELECT {columns} FROM {self._files(clean)}")  # noqa: S608
        if changed:
            parts.append(
                f"SELECT {columns} FROM {self._files(changed)} "  # noqa: S608
                f"WHERE row_key NOT IN (SELECT row_key FROM loaded.{relation.name}_changed)"
            )
        return f"CREATE OR REPLACE VIEW loaded.{relation.name} AS {' UNION ALL '.join(parts)}"

    def _files(self, segments: Iterable[Segment]) -> str:
        files = sorted(str(self._folder / segment.file) for segment in segments)
        # The folders above may be named like those of partitions.
        return f"read_parquet([{', '.join(map(quoted, files))}], hive_partitioning = false)"

    def _prepare(self, relation: Relation) -> None:
        self._engine.execute(f"DROP TABLE loaded.{relation.name}")
        self._engine.execute(relation.create_recent)
        self._engine.execute(f"CREATE TABLE loaded.{relation.name}_changed (row_key BIGINT)")
        self._engine.execute(self._view(relation, Manifest()))

    def _bring_forward(self, wanted: Iterable[Relation]) -> None:
        for relation in wanted:
            if relation.volatile or not self._writes:
                continue
            upkeep = self._keeper()
            if upkeep is None:
                return
            try:
                upkeep.bring_forward(relation)
            except _FAILURES as error:
                self._give_up(error)

    def _keeper(self) -> Upkeep | None:
        if self._upkeep is None and self._writes:
            try:
                self._upkeep = Upkeep(self._address, self._path, progress=self._progress)
            except _FAILURES as error:
                self._give_up(error)
        return self._upkeep

    def _mend(self) -> bool:
        upkeep = self._keeper()
        if upkeep is None:
            return False
        try:
            upkeep.drop_damaged()
        except _FAILURES as error:
            self._give_up(error)
            return False
        return True

    def _give_up(self, error: Exception) -> None:
        """
        Go on without bringing the cache forward, and say so.
        """
        self._writes = False
        _log.warning(
            "otel-bridge: the cache %s cannot be brought forward (%s): reports read more of "
            "the database itself, which takes longer",
            self._folder,
            error,
        )
