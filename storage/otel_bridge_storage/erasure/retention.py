"""
Erasing by age and by size, the oldest first.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, or_, select, tuple_

from otel_bridge_storage.database import Database
from otel_bridge_storage.dead_writers import SILENCE_S
from otel_bridge_storage.erasure.deletion import delete_logs, delete_spans, foresee
from otel_bridge_storage.erasure.erased import Erased
from otel_bridge_storage.erasure.families import Family, families_of, held, sessions_of
from otel_bridge_storage.erasure.leftovers import sweep
from otel_bridge_storage.erasure.requests import HOLD_TAG
from otel_bridge_storage.erasure.spans_of import spans_of_runs
from otel_bridge_storage.erasure.stray_logs import old_logs
from otel_bridge_storage.erasure.threads import delete_thread_runs, delete_threads
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.readings import Pricer, Reader
from otel_bridge_storage.schema import runs, spans
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

_FAMILIES_AT_ONCE = 200
_TRACES_AT_ONCE = 500
_LOGS_AT_ONCE = 5000
_IN_TRACES = Lookup(select(spans.c.id).where(KEYS), spans.c.trace_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    What may go.

    Attributes:
        before_ns: Only what was last heard of before this time.
        keep_errors: Families in which a run failed stay.
        hold_tags: Families in which a run has one of these tags stay.
    """

    before_ns: int
    keep_errors: bool
    hold_tags: Sequence[str]

    def may_go(self, connection: Connection, family: Family) -> bool:
        """
        Whether a family may be erased.
        """
        if family.last_ns >= self.before_ns or (self.keep_errors and family.failed):
            return False
        return not (self.hold_tags and held(connection, family.run_ids, self.hold_tags))


def prune(
    database: Database,
    *,
    reader: Reader,
    pricer: Pricer,
    before_ns: int | None = None,
    max_bytes: int | None = None,
    keep_errors: bool = False,
    hold_tags: Sequence[str] = (HOLD_TAG,),
    now_ns: int | None = None,
    dry_run: bool = False,
    compact: bool = True,
    progress: Callable[[Erased], None] | None = None,
) -> Erased:
    """
    Erase what is old, and the oldest of the rest until the database is small enough.

    Each transaction takes some families of runs, so that others go on in between.

    Args:
        before_ns: Erase what was last heard of before this time; nanoseconds since the
            epoch.
        max_bytes: How large the database may be. What was heard of in the last seconds
            before `now_ns` stays even so.
        keep_errors: Families in which a run failed stay.
        hold_tags: Families in which a run has one of these tags stay.
        dry_run: Erase nothing, and say what `before_ns` would.
        compact: Write the file anew, so that no trace of what was deleted is left in it.

    Raises:
        QueryError: Neither an age nor a size is given.
        DatabaseUnavailableError: The rows are gone, and the file could not be written
            anew, since others use it.
    """
    if before_ns is None and max_bytes is None:
        raise QueryError("say what to keep: give an age, a size or both")
    pruning = _Pruning(database, reader, pricer, dry_run=dry_run, progress=progress)
    if before_ns is not None:
        policy = Policy(before_ns=before_ns, keep_errors=keep_errors, hold_tags=hold_tags)
        pruning.by_age(policy)
    if max_bytes is not None and not dry_run:
        now_ns = time.time_ns() if now_ns is None else now_ns
        before_ns = now_ns - int(SILENCE_S * 10**9)
        policy = Policy(before_ns=before_ns, keep_errors=keep_errors, hold_tags=hold_tags)
        pruning.by_size(policy, max_bytes)
    pruning.finish(compact=compact)
    return pruning.erased


class _Pruning:
    def __init__(
        self,
        database: Database,
        reader: Reader,
        pricer: Pricer,
        *,
        dry_run: bool,
        progress: Callable[[Erased], None] | None,
    ) -> None:
        self._database = database
        self._reader = reader
        self._pricer = pricer
        self._dry_run = dry_run
        self._progress = progress
        self.erased = Erased()

    def by_age(self, policy: Policy) -> None:
        """
        Erase families of runs, then traces and logs that belong to no run.
        """
        for _ in self._families(policy, _FAMILIES_AT_ONCE):
            pass
        self._spans_and_logs(policy.before_ns)

    def by_size(self, policy: Policy, max_bytes: int) -> None:
        """
        Erase the oldest families until the database is small enough or nothing may go.
        """
        while (size := self._size()) > max_bytes:
            with self._database.transaction() as connection:
                there = connection.execute(select(func.count()).select_from(runs)).scalar_one()
            share = math.ceil(there * (size - max_bytes) / size)
            at_once = max(1, min(share, _FAMILIES_AT_ONCE * 5))
            gone = next(self._families(policy, at_once), 0)
            if not gone and not self._some_spans_or_logs(policy.before_ns):
                return
            self._sweep()

    def finish(self, *, compact: bool) -> None:
        """
        Sweep away what is left over, and the traces of it in the file.
        """
        if self._dry_run:
            return
        # What others deleted, or an earlier prune that did not come to its end, goes too.
        self._sweep()
        if compact and self.erased != Erased():
            self._database.compact()

    def _size(self) -> int:
        if not self._database.deletes_free_room:
            self._database.compact()
        return self._database.size()

    def _sweep(self) -> None:
        with self._database.transaction() as connection:
            self._add(Erased(texts=sweep(connection)))

    def _families(self, policy: Policy, at_once: int) -> Iterator[int]:
        """
        Erase families, the oldest first, so many in each transaction.
        """
        after = (-(2**63), "")
        while True:
            with self._database.transaction() as connection:
                roots = _roots(connection, policy.before_ns, after, at_once)
                if not roots:
                    return
                after = roots[-1]
                going = {
                    run_id
                    for family in families_of(connection, [run_id for _, run_id in roots])
                    if policy.may_go(connection, family)
                    for run_id in family.run_ids
                }
                self._delete(self._unit(connection), going, policy.before_ns)
            if going:
                yield len(going)

    def _delete(self, unit: Unit, going: set[str], before_ns: int) -> None:
        doomed = spans_of_runs(unit, going)
        if self._dry_run:
            self._add(Erased(runs=len(going)) + foresee(unit, doomed))
            return
        session_ids = sessions_of(unit.connection, going)
        self._add(delete_spans(unit, doomed))
        unit.numbers.save()
        delete_thread_runs(unit.connection, going)
        delete_threads(unit.connection, session_ids, before_ns=before_ns)

    def _spans_and_logs(self, before_ns: int) -> None:
        """
        Erase traces and logs that belong to no run.
        """
        while self._some_spans_or_logs(before_ns) and not self._dry_run:
            pass

    def _some_spans_or_logs(self, before_ns: int) -> bool:
        with self._database.transaction() as connection:
            unit = self._unit(connection)
            doomed = _old_traces(unit, before_ns, None if self._dry_run else _TRACES_AT_ONCE)
            strays = old_logs(connection, before_ns, None if self._dry_run else _LOGS_AT_ONCE)
            if self._dry_run:
                self._add(foresee(unit, doomed) + Erased(logs=len(strays)))
            else:
                self._add(delete_spans(unit, doomed) + delete_logs(unit, strays))
                unit.numbers.save()
        return bool(doomed or strays)

    def _unit(self, connection: Connection) -> Unit:
        return Unit.begin(connection, reader=self._reader, pricer=self._pricer)

    def _add(self, erased: Erased) -> None:
        self.erased += erased
        if self._progress is not None:
            self._progress(self.erased)


def _roots(
    connection: Connection, before_ns: int, after: tuple[int, str], limit: int
) -> list[tuple[int, str]]:
    """
    List runs at the top of families, the oldest start first.
    """
    above = runs.alias("above")
    query = (
        select(runs.c.started_ns, runs.c.run_id)
        .outerjoin(above, above.c.run_id == runs.c.parent_run_id)
        .where(
            # Those that are said to be above each other are all at the top.
            or_(above.c.run_id.is_(None), runs.c.delegation_level == 0),
            runs.c.updated_ns < before_ns,
            tuple_(runs.c.started_ns, runs.c.run_id) > after,
        )
        .order_by(runs.c.started_ns, runs.c.run_id)
        .limit(limit)
    )
    return [(row.started_ns, row.run_id) for row in connection.execute(query)]


def _old_traces(unit: Unit, before_ns: int, limit: int | None) -> set[int]:
    """
    Give the spans of old traces that tell of no agent, the oldest first.
    """
    ended = func.max(func.coalesce(spans.c.end_ns, spans.c.start_ns))
    old = (
        select(spans.c.trace_id)
        .group_by(spans.c.trace_id)
        .having(and_(func.count(spans.c.role) == 0, ended < before_ns))
        .order_by(ended, spans.c.trace_id)
        .limit(limit)
    )
    traces = unit.connection.execute(old).scalars().all()
    return {row.id for row in unit.select(_IN_TRACES, traces)}
