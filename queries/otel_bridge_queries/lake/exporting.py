"""
Bringing a lake up to date with a database: only the files whose rows changed.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from otel_bridge_queries.lake.files import write_parquet
from otel_bridge_queries.lake.manifest import Entry, Manifest, Stamp, read_manifest
from otel_bridge_queries.lake.readme import README, readme
from otel_bridge_queries.lake.rows import LakeRows, Piece, rows_of
from otel_bridge_queries.lake.store import LakeStore
from otel_bridge_queries.lake.tables import GROUPS, LakeTable

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Exported:
    """
    What an export did, or would do.

    Attributes:
        written: Files that are new or were made anew.
        unchanged: Files that hold what the database holds.
        removed: Files whose rows are all gone, and those that nobody knew of.
        rows: Rows of the written files.
    """

    exporter: str
    written: int = 0
    unchanged: int = 0
    removed: int = 0
    rows: int = 0


class LakeExport:
    """
    One export of a database into a lake.

    For each table: new files take the places of old ones, then the manifest is replaced,
    then files without rows are removed. Wherever that is broken off, the next export ends it.

    Args:
        database: What is exported.
        store: The lake.
        exporter: The name that this database's files carry.
        content: Whether what people, models and tools wrote goes along.
        since_day: Only days from this on, since the epoch, UTC; older files are left alone.
        clock: Nanoseconds since the epoch, UTC; what the manifest says of when it was made.
    """

    def __init__(
        self,
        database: str | Path,
        store: LakeStore,
        *,
        exporter: str,
        content: bool = True,
        since_day: int | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._store = store
        self._content = content
        self._since_day = since_day
        self._clock = clock
        self._done = Exported(exporter)
        self._manifest = Manifest()

    def run(
        self, tables: Iterable[str], *, dry_run: bool = False, progress: Progress | None = None
    ) -> Exported:
        """
        Bring the named tables up to date.

        Args:
            dry_run: Change nothing, and say what would be done.
            progress: Called for each table with how many of its files are done, and how
                many there are to write.

        Raises:
            DatabaseError: The database cannot be read.
            LakeError: The lake cannot be read or written.
        """
        wanted = frozenset(tables)
        self._manifest = read_manifest(self._store.read_text(self._store.manifest))
        if not dry_run:
            self._store.remove_unfinished()
        for group in GROUPS:
            chosen = [table for table in group if table.name in wanted]
            if not chosen:
                continue
            source = rows_of(
                self._database, chosen, exporter=self._done.exporter, content=self._content
            )
            with source as rows:
                for table in chosen:
                    self._bring_up_to_date(table, rows, dry_run, progress or _ignore)
        if self._done.written and not dry_run:
            self._explain()
        return self._done

    def _bring_up_to_date(
        self, table: LakeTable, rows: LakeRows, dry_run: bool, progress: Progress
    ) -> None:
        there = self._store.parts(table.name)
        known = self._manifest.tables.get(table.name, {})
        wanted = {self._path(table, piece): piece for piece in self._pieces(table, rows)}
        changed = {
            path: piece
            for path, piece in wanted.items()
            if not _is_up_to_date(piece, known.get(path), there.get(path))
        }
        stale = sorted(path for path in there if path not in wanted and self._covers(table, path))
        self._done.written += len(changed)
        self._done.unchanged += len(wanted) - len(changed)
        self._done.removed += len(stale)
        self._done.rows += sum(piece.rows for piece in changed.values())
        if dry_run:
            return
        self._write(table, rows, changed, progress)
        forgotten = {path for path in known if path not in wanted and self._covers(table, path)}
        if changed or forgotten:
            self._note(table, known, changed, forgotten)
        for path in stale:
            self._store.remove(f"{table.name}/{path}")

    def _pieces(self, table: LakeTable, rows: LakeRows) -> list[Piece]:
        if table.name == "messages" and not self._content:
            return []
        return rows.pieces(table, self._low(table))

    def _write(
        self, table: LakeTable, rows: LakeRows, changed: dict[str, Piece], progress: Progress
    ) -> None:
        for number, (path, piece) in enumerate(changed.items(), 1):
            batches = rows.batches(table, piece)
            self._store.write(
                f"{table.name}/{path}",
                lambda stream, batches=batches: write_parquet(stream, batches),  # type: ignore[misc]
            )
            progress(number, len(changed))

    def _note(
        self,
        table: LakeTable,
        known: dict[str, Entry],
        changed: dict[str, Piece],
        forgotten: set[str],
    ) -> None:
        there = self._store.parts(table.name) if changed else {}
        missing = Stamp(-1, None)
        made = {
            path: Entry(piece.rows, piece.fingerprint, there.get(path, missing))
            for path, piece in changed.items()
        }
        kept = {path: entry for path, entry in known.items() if path not in forgotten}
        self._manifest.tables[table.name] = kept | made
        text = self._manifest.to_json(exporter=self._done.exporter, written_ns=self._clock())
        self._store.write_text(self._store.manifest, text)

    def _explain(self) -> None:
        text = readme()
        if self._store.read_text(README) != text:
            self._store.write_text(README, text)

    def _path(self, table: LakeTable, piece: Piece) -> str:
        name = self._store.part_name(self._done.exporter, piece.number)
        return f"{table.folder(piece.partition)}/{name}"

    def _low(self, table: LakeTable) -> int | None:
        if self._since_day is None or table.by != "date":
            return None
        return self._since_day * table.width

    def _covers(self, table: LakeTable, path: str) -> bool:
        """
        Whether a file is of the days that are exported.
        """
        if self._since_day is None or table.by != "date":
            return True
        return path.partition("/")[0] >= table.folder(self._since_day)


def _is_up_to_date(piece: Piece, entry: Entry | None, stamp: Stamp | None) -> bool:
    return entry is not None and entry.fingerprint == piece.fingerprint and entry.stamp == stamp


def _ignore(_done: int, _total: int) -> None:
    return
