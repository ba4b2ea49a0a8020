"""
How every report is asked: checked, told to the engine, answered as of one moment.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import duckdb
from otel_bridge_storage.errors import DatabaseError, QueryError

from otel_bridge_queries.catalog import TIME_KEYS, Report
from otel_bridge_queries.columnar.upkeep import Progress
from otel_bridge_queries.engine import fetch
from otel_bridge_queries.loading import open_loader
from otel_bridge_queries.moments import zone_named
from otel_bridge_queries.question import Question, tell
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Names, filter_parameters, group_keys, row_count
from otel_bridge_queries.showing import in_zone, with_metadata_keys, with_texts

T = TypeVar("T")
# What DuckDB raises where a file is gone or not as it was written.
_FAULTS_OF_FILES = (
    duckdb.IOException,
    duckdb.InvalidInputException,
    duckdb.SerializationException,
)


class Asking:
    """
    One engine and one database, asked by one thread at a time.

    Args:
        database: A path or URL.
        clock: Nanoseconds since the epoch, UTC; what relative times are counted from.
        cache: Whether the columnar cache may be brought forward.
        progress: Told of rows that go into it.
    """

    def __init__(
        self,
        database: str | Path,
        *,
        clock: Callable[[], int] = time.time_ns,
        cache: bool | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._turn = threading.RLock()
        self._closed = False
        self._engine, self._loader = open_loader(database, writes_cache=cache, progress=progress)

    def close(self) -> None:
        """
        Let go of the database and of the memory; closing twice does no harm.
        """
        with self._turn:
            self._closed = True
            self._loader.close()
            self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def at_one_moment(self) -> Iterator[Self]:
        """
        Let all reports asked inside be as of one moment; other threads wait meanwhile.
        """
        with self._alone(), self._loader.hold():
            yield self

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._turn:
            if self._closed:
                raise DatabaseError("these Queries are closed: make new ones")
            yield

    def _grouped(
        self,
        report: Report,
        by: Names,
        timezone: str,
        limit: int | None,
        filters: Mapping[str, Any],
    ) -> Result:
        keys = group_keys(by, report.keys)
        question = Question(keys, self._filters(report, filters, timezone), timezone)
        found = self._run(report, question, {"limit": row_count("limit", limit, least=1)})
        result = with_metadata_keys(found, question.metadata_keys)
        measures = [name for name in result.columns if name not in {*keys, *question.columns}]
        result = in_zone(result.only([*keys, *measures]), TIME_KEYS, zone_named(timezone))
        if not keys and report.counts and not result.rows:
            result.rows.append(tuple(0 if n in report.counts else None for n in measures))
        return result

    def _filters(
        self, report: Report, filters: Mapping[str, Any], timezone: str
    ) -> dict[str, Any]:
        return filter_parameters(filters, report.filters, zone=timezone, now_ns=self._clock())

    def _run(
        self,
        report: Report,
        question: Question,
        parameters: Mapping[str, Any],
        *,
        relations: Iterable[str] = (),
        texts: Sequence[str] = (),
    ) -> Result:
        """
        Answer one question.

        Args:
            relations: What it reads beside what the report always does.
            texts: Columns that hold ids of messages, in whose place their texts are put.
        """
        needed = {*report.relations, *relations}
        with self._alone():
            try:
                return self._patiently(
                    lambda: self._answer(report, question, parameters, needed, texts)
                )
            except duckdb.Error as error:
                raise QueryError(f"the report {report.name} failed: {error}") from error

    def _patiently(self, ask: Callable[[], T]) -> T:
        """
        Ask once more where a file of the cache was lost or damaged; the database is not.
        """
        try:
            return ask()
        except (duckdb.Error, QueryError) as error:
            reason = error.__cause__ if isinstance(error, QueryError) else error
            if not isinstance(reason, _FAULTS_OF_FILES) or not self._loader.doubt():
                raise
        return ask()

    def _answer(
        self,
        report: Report,
        question: Question,
        parameters: Mapping[str, Any],
        needed: Collection[str],
        texts: Sequence[str],
    ) -> Result:
        with self._loader.current(needed) as moment:
            tell(self._engine, question, needed)
            return with_texts(fetch(self._engine, report.sql, parameters), texts, moment)
