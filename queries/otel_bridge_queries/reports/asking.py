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

from otel_bridge_queries.catalog import ROOT_KEYS, TIME_KEYS, Report
from otel_bridge_queries.columnar.upkeep import Progress
from otel_bridge_queries.engine import fetch
from otel_bridge_queries.loading import open_loader
from otel_bridge_queries.moments import zone_named
from otel_bridge_queries.question import Question, Teller
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Names, filter_parameters, group_keys, row_count
from otel_bridge_queries.showing import in_zone, with_texts

T = TypeVar("T")
_USUAL = ("llm_calls", "runs", "tool_calls")
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
        self._teller = Teller(self._engine)

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
    def at_one_moment(self, *about: str) -> Iterator[Self]:
        """
        Let all reports asked inside be as of one moment; other threads wait meanwhile.

        Args:
            about: The relations that they are mostly about, for which the cache is brought
                forward first; by default calls to models and tools, and runs.
        """
        with self._alone(), self._loader.hold(about or _USUAL):
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
        parameters: Mapping[str, Any] | None = None,
        *,
        moments: Sequence[str] = (),
    ) -> Result:
        """
        Answer a report in groups.

        Args:
            parameters: Of the report's own, beside its limit.
            moments: Columns, beside the keys, that are given in the zone.
        """
        keys = group_keys(by, report.keys)
        question = Question(keys, self._filters(report, filters, timezone), timezone)
        asked = {"limit": row_count("limit", limit, least=1), **(parameters or {})}
        found = self._run(report, question, asked, relations=for_keys(keys))
        result = shown(found, question, moments)
        if not keys and report.counts and not result.rows:
            result.rows.append(tuple(0 if n in report.counts else None for n in result.columns))
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
        (result,) = self._run_each(
            report, [question], parameters, relations=relations, texts=texts
        )
        return result

    def _run_each(
        self,
        report: Report,
        questions: Sequence[Question],
        parameters: Mapping[str, Any],
        *,
        relations: Iterable[str] = (),
        texts: Sequence[str] = (),
    ) -> list[Result]:
        """
        Answer several questions to one report, all as of the same moment.
        """
        needed = {*report.relations, *relations}
        with self._alone():
            try:
                return self._patiently(
                    lambda: self._answers(report, questions, parameters, needed, texts)
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

    def _answers(
        self,
        report: Report,
        questions: Sequence[Question],
        parameters: Mapping[str, Any],
        needed: Collection[str],
        texts: Sequence[str],
    ) -> list[Result]:
        results = []
        with self._loader.current(needed) as moment:
            for question in questions:
                self._teller.tell(question, needed)
                shape = (report.name, *question.columns)
                result = fetch(self._engine, report.sql, parameters, shape=shape)
                results.append(with_texts(result, texts, moment))
        return results


def for_keys(keys: Iterable[str]) -> tuple[str, ...]:
    """
    Name the relations that group keys need beside those of the report.
    """
    return () if set(ROOT_KEYS).isdisjoint(keys) else ("runs",)


def shown(found: Result, question: Question, moments: Sequence[str] = ()) -> Result:
    """
    Put the keys first, as they were asked for, and moments into the zone.
    """
    keys = question.keys
    result = found.renamed(question.metadata_columns)
    measures = [name for name in result.columns if name not in {*keys, *question.columns}]
    zone = zone_named(question.zone)
    return in_zone(result.only([*keys, *measures]), [*TIME_KEYS, *moments], zone)
