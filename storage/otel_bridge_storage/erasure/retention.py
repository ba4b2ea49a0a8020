"""
Erasing by age and by size, the oldest first.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, or_, select, tuple_

from otel_bridge_storage.database import Database
from otel_bridge_storage.erasure.deletion import delete_logs, delete_spans, foresee
from otel_bridge_storage.erasure.erased import Erased
from otel_bridge_storage.erasure.families import Family, families_of, held
from otel_bridge_storage.erasure.leftovers import sweep
from otel_bridge_storage.erasure.requests import HOLD_TAG
from otel_bridge_storage.erasure.spans_of import spans_of_runs
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.interning import KnownRows
from otel_bridge_storage.liveness import SILENCE_S
from otel_bridge_storage.readings import Pricer, Reader
from otel_bridge_storage.schema import logs, runs, spans
from otel_bridge_storage.unit import Unit

_FAMILIES_AT_ONCE = 200
_TRACES_AT_ONCE = 500
_LOGS_AT_ONCE = 5000


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
        while self._step(lambda unit: _old_traces(unit, policy.before_ns)):
            if self._dry_run:
                break
        while self._old_logs(policy.before_ns) and not self._dry_run:
            pass

    def by_size(self, policy: Policy, max_bytes: int) -> None:
        """
        Erase the oldest families until the database is small enough or nothing may go.
        """
        while (size := self._size()) > max_bytes:
            with self._database.transaction() as connection:
                there = connection.execute(select(func.count()).select_from(runs)).scalar_one()
            share = math.ceil(there * (size - max_bytes) / size)
            if not next(self._families(policy, max(1, min(share, _FAMILIES_AT_ONCE * 5))), 0):
                return
            self._sweep()

    def finish(self, *, compact: bool) -> None:
        """
        Sweep away what is left over, and the traces of it in the file.
        """
        if self._dry_run or self.erased == Erased():
            return
        self._sweep()
        if compact:
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
                self._delete(self._unit(connection), going)
            if going:
                yield len(going)

    def _delete(self, unit: Unit, going: set[str]) -> None:
        doomed = spans_of_runs(unit, going)
        if self._dry_run:
            self._add(Erased(runs=len(going)) + foresee(unit, doomed))
            return
        self._add(delete_spans(unit, doomed))
        unit.numbers.save()

    def _step(self, find: Callable[[Unit], set[int]]) -> bool:
        with self._database.transaction() as connection:
            unit = self._unit(connection)
            doomed = find(unit)
            if self._dry_run:
                self._add(foresee(unit, doomed))
            else:
                self._add(delete_spans(unit, doomed))
                unit.numbers.save()
        return bool(doomed)

    def _old_logs(self, before_ns: int) -> bool:
        with self._database.transaction() as connection:
            ids = _stray_logs(connection, before_ns)
            if self._dry_run:
                self._add(Erased(logs=len(ids)))
            else:
                self._add(delete_logs(self._unit(connection), ids))
        return bool(ids)

    def _unit(self, connection: Connection) -> Unit:
        return Unit.begin(
            connection, KnownRows(), reader=self._reader, pricer=self._pricer, writer_id=None
        )

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
            above.c.run_id.is_(None),
            runs.c.updated_ns < before_ns,
            tuple_(runs.c.started_ns, runs.c.run_id) > after,
        )
        .order_by(runs.c.started_ns, runs.c.run_id)
        .limit(limit)
    )
    return [(row.started_ns, row.run_id) for row in connection.execute(query)]


def _old_traces(unit: Unit, before_ns: int) -> set[int]:
    """
    Give the spans of old traces that tell of no agent.
    """
    ended = func.max(func.coalesce(spans.c.end_ns, spans.c.start_ns))
    old = (
        select(spans.c.trace_id)
        .group_by(spans.c.trace_id)
        .having(and_(func.count(spans.c.role) == 0, ended < before_ns))
        .limit(_TRACES_AT_ONCE)
    )
    query = select(spans.c.id).where(spans.c.trace_id.in_(old))
    return set(unit.connection.execute(query).scalars())


def _stray_logs(connection: Connection, before_ns: int) -> set[int]:
    """
    Give old logs of spans that are not there.
    """
    there = (
        select(spans.c.id)
        .where(spans.c.trace_id == logs.c.trace_id, spans.c.span_id == logs.c.span_id)
        .exists()
    )
    told = or_(
        and_(logs.c.time_ns > 0, logs.c.time_ns < before_ns),
        and_(logs.c.time_ns == 0, logs.c.observed_ns < before_ns),
    )
    query = select(logs.c.id).where(told, ~there).limit(_LOGS_AT_ONCE)
    return set(connection.execute(query).scalars())
