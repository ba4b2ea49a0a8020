"""
The id of a database: a random number that it keeps through copies, moves and restores.
"""

import secrets
from pathlib import Path

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError

from otel_bridge_storage.addresses import Address
from otel_bridge_storage.errors import DatabaseUnavailableError
from otel_bridge_storage.opening import open_existing
from otel_bridge_storage.schema import counters
from otel_bridge_storage.tolerant_reading import tolerant_reading

_NAME = "database_id"
_BITS = 62


def database_id(target: str | Path | Address) -> str | None:
    """
    Give the id of a database, as 16 hexadecimal digits; None if it has none yet.

    Raises:
        DatabaseError: There is no such database, or it cannot be read.
    """
    with tolerant_reading(target) as connection:
        return _read(connection)


def make_database_id(target: str | Path | Address) -> str:
    """
    Give the id of a database, and make it one if it has none.

    Raises:
        DatabaseUnavailableError: It has none and cannot be written.
        DatabaseError: There is no such database, or it cannot be read.
    """
    known = database_id(target)
    if known is not None:
        return known
    with open_existing(target) as database:
        try:
            with database.transaction() as connection:
                # Another process may have been quicker.
                known = _read(connection)
                if known is not None:
                    return known
                made = secrets.randbits(_BITS)
                connection.execute(insert(counters), {"name": _NAME, "value": made})
        except DBAPIError as error:
            raise DatabaseUnavailableError(
                f"{database.address} has no id yet and refused to keep one: {error.orig}"
            ) from error
    return _shown(made)


def _read(connection: Connection) -> str | None:
    value = connection.execute(select(counters.c.value).where(counters.c.name == _NAME)).scalar()
    return None if value is None else _shown(value)


def _shown(value: int) -> str:
    return f"{value:016x}"
