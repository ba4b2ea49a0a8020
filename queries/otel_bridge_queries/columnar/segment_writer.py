"""
Writing Parquet files, whole or not at all.
"""

import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from otel_bridge_queries.columnar.manifest import Segment
from otel_bridge_queries.engine import connect
from otel_bridge_queries.relations import Relation
from otel_bridge_queries.sqlite_rows import Chunk

# Programs that only ask write files too, and are to stay small: one thread has one set of
# buffers, and what does not fit is spilt.
_SMALL: Mapping[str, str | int] = {"threads": 1, "memory_limit": "100MB"}


@dataclass(frozen=True, slots=True)
class Kept:
    """
    What a new file takes over from an old one: all rows but some.
    """

    segment: Segment
    without: Sequence[int]


class SegmentWriter:
    """
    Writes files into a folder, in a DuckDB of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Spilt not where the program happens to be at work: rows are for the owner's eyes.
        self._engine = connect(temp_directory=str(folder), **_SMALL)

    def write(
        self,
        relation: Relation,
        fresh: Iterable[Chunk],
        *,
        kept: Kept | None,
        after_key: int,
        last_key: int,
    ) -> Segment:
        """
        Write rows in the order of their keys, and make sure that they are on the disk.

        Args:
            after_key: Up to which key the rows before are in other files.
            last_key: Up to which key the file tells of all rows.

        Raises:
            OSError: The disk refused.
            duckdb.Error: The disk refused, or the old file is damaged.
        """
        self._gather(relation, fresh, kept)
        counted = self._engine.execute("SELECT count(*) FROM fresh").fetchone()
        file = f"{relation.name}-{uuid.uuid4().hex}.parquet"
        self._copy(self._folder / file)
        return Segment(
            file=file,
            after_key=after_key,
            last_key=last_key,
            rows=counted[0] if counted else 0,
            bytes=(self._folder / file).stat().st_size,
        )

    def can_read(self, segment: Segment) -> bool:
        """
        Whether every value of a file can be read.
        """
        try:
            self._engine.execute(
                "SELECT sum(hash(t)) FROM read_parquet($file, hive_partitioning = false) AS t",
                {"file": str(self._folder / segment.file)},
            )
        except duckdb.Error:
            return False
        return True

    def close(self) -> None:
        """
        Let go of the memory.
        """
        self._engine.close()

    def _gather(self, relation: Relation, fresh: Iterable[Chunk], kept: Kept | None) -> None:
        columns = ", ".join(f"{column.name} {column.type}" for column in relation.columns)
        self._engine.execute(f"CREATE OR REPLACE TABLE fresh (row_key BIGINT, {columns})")
        insert = f"INSERT INTO fresh BY NAME {relation.keyed_rows}"
        for chunk in fresh:
            self._engine.execute(insert, chunk.lists)
        if kept is not None:
            self._engine.execute(
                "INSERT INTO fresh BY NAME "
                "SELECT * FROM read_parquet($file, hive_partitioning = false) "
                "WHERE row_key NOT IN (SELECT unnest(from_json($without, '[\"BIGINT\"]')))",
                {
                    "file": str(self._folder / kept.segment.file),
                    "without": json.dumps(list(kept.without)),
                },
            )

    def _copy(self, path: Path) -> None:
        part = path.with_suffix(".part")
        name = str(part).replace("'", "''")
        try:
            self._engine.execute(
                f"COPY (FROM fresh ORDER BY row_key) TO '{name}' "
                "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
            )
            self._engine.execute("DROP TABLE fresh")
            with part.open("r+b") as written:
                os.fsync(written.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
