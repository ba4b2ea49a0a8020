"""
What a database's refusal means: for the one who wrote, and for whether to try again.
"""

import sqlite3

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from otel_bridge_storage.addresses import Address
from otel_bridge_storage.database import may_pass
from otel_bridge_storage.errors import DatabaseError, DatabaseUnavailableError
from otel_bridge_storage.sqlite_files import is_damage, read_error

_SQLITE_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# PostgreSQL: serialization failure, deadlock, lock not available.
_POSTGRES_LOCKED = ("40001", "40P01", "55P03")


def is_locked(error: DBAPIError) -> bool:
    """
    Whether somebody else's lock was in the way, so that nothing was written.
    """
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_LOCKED
    return getattr(error.orig, "sqlstate", None) in _POSTGRES_LOCKED


def as_sqlalchemy(connection: Connection, error: BaseException) -> DBAPIError | None:
    """
    Give an error of the driver in SQLAlchemy's form; None for any other error.
    """
    if isinstance(error, DBAPIError):
        return error
    driver = connection.dialect.loaded_dbapi.Error
    if not isinstance(error, driver):
        return None
    # What people wrote must not end up in an error's text, and so in a log.
    made = DBAPIError.instance(None, None, error, driver, hide_parameters=True)
    return made if isinstance(made, DBAPIError) else None


def write_error(address: Address, error: DBAPIError) -> DatabaseError:
    """
    Make the error for something that could not be written.
    """
    reason = error.orig or error
    if is_damage(reason):
        return read_error(address, reason)
    kind, advice = DatabaseError, ""
    if may_pass(error):
        kind, advice = DatabaseUnavailableError, ": try again later"
    made = kind(f"cannot write to {address}: {reason}{advice}")
    made.__cause__ = error
    return made
