"""
The rows of a lake as they come out of a database, and what tells that they changed.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from otel_bridge_storage.errors import LakeError

from otel_bridge_queries.engine import MEMORY_LIMIT, read_sql
from otel_bridge_queries.lake.tables import LakeTable
from otel_bridge_queries.loading import open_loader

# Raise it when rows mean something else under the same names.
_MEANING = 1
_BIGGEST = 2**63 - 1

# Each row is hashed twice: within a row DuckDB joins the hashes of columns by exclusive or.
_FINGERPRINTS = """
    SELECT partition, part, count(*), sum(hash(hash(r)))::VARCHAR, bit_xor(hash(hash(r)))::VARCHAR
    FROM ({sql}) AS r GROUP BY partition, part ORDER BY partition, part
"""
_ROWS = "SELECT * EXCLUDE (partition, part) FROM ({sql}) WHERE part = $part ORDER BY {order}"


@dataclass(frozen=True, slots=True)
class Piece:
    """
    The rows of one file.

    Attributes:
        partition: The day since the epoch, UTC, or the bucket.
        number: Which file of the partition. It follows from the row alone, so that no row
            moves from file to file when others come or go.
        fingerprint: Equal for equal rows, whatever their order.
    """

    partition: int
    number: int
    rows: int
    fingerprint: str


class LakeRows:
    """
    The rows of lake tables, as of one moment.

    Args:
        engine: A DuckDB whose relations hold what the database holds.
        exporter: Whose rows they are.
        content: Whether what people, models and tools wrote is among them.
    """

    def __init__(self, engine: duckdb.DuckDBPyConnection, *, exporter: str, content: bool) -> None:
        self._engine = engine
        self._given = {"exporter": exporter, "content": content}
        self._content = content

    def pieces(self, table: LakeTable, low: int | None) -> list[Piece]:
        """
        List the files that a table comes to.

        Args:
            low: Only rows of this time (or id) or later.
        """
        given = {**self._given, "low": low, "high": None}
        columns = [name for name, _ in self.columns(table)]
        with _memory_told():
            found = self._asked(_FINGERPRINTS.format(sql=table.sql), given).fetchall()
        told = (_MEANING, duckdb.__version__, self._content, table.order, columns)
        return [
            Piece(partition, part, count, _digest((*told, count, added, mixed)))
            for partition, part, count, added, mixed in found
        ]

    def batches(self, table: LakeTable, piece: Piece) -> Any:
        """
        Read the rows of one file, as an Arrow reader of record batches in order.
        """
        low, high = piece.partition * table.width, (piece.partition + 1) * table.width
        given = {
            **self._given,
            "low": max(low, -_BIGGEST - 1),
            "high": high if high <= _BIGGEST else None,
            "part": piece.number,
        }
        statement = _ROWS.format(sql=table.sql, order=table.order)
        return self._asked(statement, given).to_arrow_reader(table.group_rows)

    def columns(self, table: LakeTable) -> list[tuple[str, str]]:
        """
        Give the names and types of a table's columns, without those of its folders.
        """
        given = {**self._given, "low": None, "high": None}
        answer = self._asked(table.sql, given)
        return [
            (name, str(kind))
            for name, kind in zip(answer.columns, answer.types, strict=True)
            if name not in ("partition", "part")
        ]

    def _asked(self, statement: str, given: dict[str, Any]) -> duckdb.DuckDBPyRelation:
        with _memory_told():
            return self._engine.sql(statement, params=given)


@contextmanager
def rows_of(
    database: str | Path, tables: Iterable[LakeTable], *, exporter: str, content: bool
) -> Iterator[LakeRows]:
    """
    Read what a database holds now, all at one moment.

    Raises:
        DatabaseError: There is no such database, or it cannot be read.
    """
    needed = {name for table in tables for name in table.reads(content=content)}
    engine, loader = open_loader(database)
    try:
        engine.execute(read_sql("lake/macros.sql"))
        with loader.current(needed):
            yield LakeRows(engine, exporter=exporter, content=content)
    finally:
        loader.close()
        engine.close()


@contextmanager
def _memory_told() -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise LakeError(
            f"the rows do not fit into {MEMORY_LIMIT} of memory: "
            "export fewer tables at a time, or without content"
        ) from error


def _digest(told: tuple[Any, ...]) -> str:
    return hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()
