"""
Looking after a database: making derived rows anew, pricing calls anew, and erasing what
should not stay.

Each function opens the database for itself; programs that record into it go on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from otel_bridge_queries.erasing import forget_erased
from otel_bridge_storage import erasure, repricing
from otel_bridge_storage import rebuild as rebuilding
from otel_bridge_storage.database import Database
from otel_bridge_storage.erasure import HOLD_TAG, Erased
from otel_bridge_storage.errors import DatabaseError, QueryError
from otel_bridge_storage.opening import open_existing
from otel_bridge_storage.rebuild import Rebuilt
from otel_bridge_storage.repricing import Repriced
from sqlalchemy.exc import DBAPIError

from otel_bridge.dialects import Dialects
from otel_bridge.pricing import prices_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FURTHEST_NS = 2**63 - 1


def rebuild(
    database: str | Path,
    *,
    prices: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Rebuilt:
    """
    Make runs, calls, steps and sessions anew from the spans, logs and facts recorded.

    A database of an older version is brought up to date by that.

    Args:
        prices: A file of prices of one's own; by default `$OTEL_BRIDGE_PRICES`, if set.
        progress: Called with how many spans are done, and how many there are.

    Raises:
        PriceFileError: The file of prices makes no sense.
        DatabaseError: There is no such database, or it cannot be written.
    """
    pricer = prices_of(prices)
    with _opened(database) as opened:
        return rebuilding.rebuild(opened, reader=Dialects(), pricer=pricer, progress=progress)


def reprice(
    database: str | Path,
    *,
    prices: str | Path | None = None,
    since: timedelta | datetime | None = None,
    model: str | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Repriced:
    """
    Work out anew what the recorded calls cost, each at the prices of its time.

    Args:
        prices: A file of prices of one's own; by default `$OTEL_BRIDGE_PRICES`, if set.
        since: Only calls that started since so long ago, or since this moment.
        model: Only calls of this model: the response's, else the request's.
        dry_run: Change nothing, and say what would change.
        progress: Called with how many calls are done, and how many there are.

    Raises:
        PriceFileError: The file of prices makes no sense.
        QueryError: The moment has no UTC offset.
        DatabaseError: There is no such database, or it cannot be written.
    """
    pricer = prices_of(prices)
    since_ns = None if since is None else _moment_ns("since", since)
    with _opened(database) as opened:
        return repricing.reprice(
            opened,
            reader=Dialects(),
            pricer=pricer,
            since_ns=since_ns,
            model=model,
            dry_run=dry_run,
            progress=progress,
        )


def erase(
    database: str | Path,
    *,
    run_id: str | None = None,
    session_id: str | None = None,
    user_id: str | None = None,
    tenant_id: str | None = None,
    hold_tags: Sequence[str] = (HOLD_TAG,),
) -> Erased:
    """
    Erase a run, a session, or all of a user or a tenant, with all runs below.

    Afterwards no text of it is left in the file, unless something that stays says the
    same. What arrives of it later is stored as something new.

    Args:
        hold_tags: Runs with one of these tags stay, and so does their whole family.

    Raises:
        QueryError: Not exactly one of run, session, user and tenant is given.
        DatabaseUnavailableError: Others use the file, so that traces of what was deleted
            may be left in it.
        DatabaseError: There is no such database, or it cannot be written.
    """
    with _erasing(database) as opened:
        return erasure.erase(
            opened,
            reader=Dialects(),
            pricer=prices_of(),
            run_id=run_id,
            session_id=session_id,
            user_id=user_id,
            tenant_id=tenant_id,
            hold_tags=hold_tags,
        )


def prune(
    database: str | Path,
    *,
    older_than: timedelta | datetime | None = None,
    max_bytes: int | None = None,
    keep_errors: bool = False,
    hold_tags: Sequence[str] = (HOLD_TAG,),
    dry_run: bool = False,
    progress: Callable[[Erased], None] | None = None,
) -> Erased:
    """
    Erase what is old, and the oldest of the rest until the database is small enough.

    Args:
        older_than: Erase what was last heard of so long ago, or before this moment.
        max_bytes: How large the database may be.
        keep_errors: Families in which a run failed stay.
        hold_tags: Families in which a run has one of these tags stay.
        dry_run: Erase nothing, and say what `older_than` would.

    Raises:
        QueryError: Neither an age nor a size is given, or a moment has no UTC offset.
        DatabaseUnavailableError: Others use the file, so that traces of what was deleted
            may be left in it.
        DatabaseError: There is no such database, or it cannot be written.
    """
    with _erasing(database) as opened:
        return erasure.prune(
            opened,
            reader=Dialects(),
            pricer=prices_of(),
            before_ns=None if older_than is None else _moment_ns("older_than", older_than),
            max_bytes=max_bytes,
            keep_errors=keep_errors,
            hold_tags=hold_tags,
            dry_run=dry_run,
            progress=progress,
        )


@contextmanager
def _opened(target: str | Path) -> Iterator[Database]:
    with open_existing(target) as database:
        try:
            yield database
        except DBAPIError as error:
            raise DatabaseError(f"{database.address} refused: {error.orig}") from error


@contextmanager
def _erasing(target: str | Path) -> Iterator[Database]:
    with _opened(target) as database:
        try:
            yield database
        finally:
            # Also where the rows are gone and the file could not be written anew.
            forget_erased(target)


def _moment_ns(name: str, moment: timedelta | datetime) -> int:
    if isinstance(moment, timedelta):
        ns = time.time_ns() - moment // _MICROSECOND * 1000
    elif moment.tzinfo is None:
        raise QueryError(f"{name}={moment} has no UTC offset: give an aware datetime")
    else:
        ns = (moment - _EPOCH) // _MICROSECOND * 1000
    return max(-_FURTHEST_NS, min(ns, _FURTHEST_NS))
