"""
Erasing on request: a run, a session, or all of a user or a tenant.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from otel_bridge_storage.binding import home_of
from otel_bridge_storage.database import Database
from otel_bridge_storage.erasure.deletion import delete_logs, delete_spans
from otel_bridge_storage.erasure.erased import Erased
from otel_bridge_storage.erasure.families import below, families_of, held, sessions_of
from otel_bridge_storage.erasure.leftovers import sweep
from otel_bridge_storage.erasure.spans_of import remains, spans_of_runs
from otel_bridge_storage.erasure.stray_logs import stray_logs_of
from otel_bridge_storage.erasure.threads import delete_thread_runs, delete_threads
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.fitting import fitting
from otel_bridge_storage.log_identity import trace_id_of
from otel_bridge_storage.readings import Pricer, Reader
from otel_bridge_storage.schema import runs, spans
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

HOLD_TAG = "legal-hold"

_TRACES_OF = Lookup(select(spans.c.trace_id).where(KEYS).distinct(), spans.c.id)
_SESSIONS_IN = Lookup(
    select(spans.c.trace_id, spans.c.session_id)
    .where(KEYS, spans.c.session_id.is_not(None))
    .distinct(),
    spans.c.trace_id,
)


def erase(
    database: Database,
    *,
    reader: Reader,
    pricer: Pricer,
    run_id: str | None = None,
    session_id: str | None = None,
    user_id: str | None = None,
    tenant_id: str | None = None,
    hold_tags: Sequence[str] = (HOLD_TAG,),
    compact: bool = True,
) -> Erased:
    """
    Erase a run, a session, or all of a user or a tenant, with all runs below.

    Afterwards no text of it is left in the file, unless something that stays says the
    same. What arrives of it later is stored as something new.

    Args:
        hold_tags: Runs with one of these tags stay, and so does their whole family.
        compact: Write the file anew, so that no trace of what was deleted is left in it.

    Raises:
        QueryError: Not exactly one of run, session, user and tenant is given.
        DatabaseUnavailableError: The rows are gone, and the file could not be written
            anew, since others use it.
        sqlalchemy.exc.DBAPIError: The database refused; nothing is gone.
    """
    named = {"run_id": run_id, "session_id": session_id, "user_id": user_id}
    named["tenant_id"] = tenant_id
    given = {name: value for name, value in named.items() if value is not None}
    if len(given) != 1:
        raise QueryError("name one thing to erase: a run, a session, a user or a tenant")
    (name, value), *_ = given.items()
    with database.transaction() as connection:
        unit = Unit.begin(connection, reader=reader, pricer=pricer)
        erased = _erase(unit, name, value, hold_tags)
        unit.numbers.save()
        erased += Erased(texts=sweep(connection))
    if compact:
        database.compact()
    return erased


def _erase(unit: Unit, name: str, given: str, hold_tags: Sequence[str]) -> Erased:
    connection, value = unit.connection, fitting(given)
    asked = set(connection.execute(select(runs.c.run_id).where(runs.c[name] == value)).scalars())
    asked = below(connection, asked)
    named = _named_spans(connection, name, value)
    kept = kept_by_hold(connection, asked | set(named.values()), hold_tags)
    going = asked - kept
    session_ids = sessions_of(connection, going)
    going |= _beside(unit, name, value, named) - kept
    doomed = spans_of_runs(unit, going)
    doomed |= {span for span, home in named.items() if home not in kept}
    doomed |= remains(unit, doomed)
    erased = delete_spans(unit, doomed)
    erased += delete_logs(unit, stray_logs_of(connection, name, given))
    for session_id in _outside_agents(session_ids, going):
        erased += delete_logs(unit, stray_logs_of(connection, "session_id", session_id))
    delete_thread_runs(connection, going | ({value} if name == "run_id" and not kept else set()))
    delete_threads(connection, session_ids | ({value} if name == "session_id" else set()))
    return erased + Erased(held_runs=len((asked | set(named.values())) & kept))


def _beside(unit: Unit, name: str, value: str, named: Mapping[int, str]) -> set[str]:
    """
    Give the runs of traces that hold what is outside agents and names no session, beside
    spans of the session that goes: some instrumentations name it on requests alone.
    """
    if name != "session_id":
        return set()
    outside = sorted(span for span, home in named.items() if home == trace_id_of(value))
    traces = sorted({row.trace_id for row in unit.select(_TRACES_OF, outside)})
    others = {row.trace_id for row in unit.select(_SESSIONS_IN, traces) if row.session_id != value}
    return set(traces) - others


def _outside_agents(session_ids: set[str], going: set[str]) -> set[str]:
    """
    Give the sessions whose run of what is outside agents goes: log records belong to it.
    """
    return {session for session in session_ids if trace_id_of(session) in going}


def kept_by_hold(connection: Connection, run_ids: set[str], hold_tags: Sequence[str]) -> set[str]:
    """
    Give the runs of the families of some runs in which one is on hold.
    """
    if not hold_tags:
        return set()
    families = families_of(connection, run_ids)
    marked = held(connection, {r for f in families for r in f.run_ids}, hold_tags)
    return {run for family in families if family.run_ids & marked for run in family.run_ids}


def _named_spans(connection: Connection, name: str, value: str) -> dict[int, str]:
    """
    Give the spans that are of a session or a user, each with the run that it belongs to.
    """
    if name not in ("session_id", "user_id"):
        return {}
    rows = connection.execute(
        select(spans.c.id, spans.c.run_id, spans.c.trace_id, spans.c.session_id).where(
            spans.c[name] == value
        )
    )
    return {row.id: home_of(row.run_id, row.trace_id, row.session_id) for row in rows}
