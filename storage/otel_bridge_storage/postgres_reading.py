"""
Reading PostgreSQL: each read in one snapshot, with no right to write.
"""

from sqlalchemy import Engine, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from otel_bridge_storage.addresses import Address
from otel_bridge_storage.errors import DatabaseNotFoundError, DatabaseUnavailableError
from otel_bridge_storage.postgres_database import postgres_engine
from otel_bridge_storage.schema import schema_info
from otel_bridge_storage.versions import check_version

_CONNECTIONS = 5


def reading_engine(url: URL) -> Engine:
    """
    Make an engine that only reads.

    It is not an async one: the driver's async form does not work with the event loop
    that Windows has by default, so that reads run in threads.

    Raises:
        NotInstalledError: The driver is not installed.
    """
    return postgres_engine(
        url,
        "-c default_transaction_read_only=on",
        size=_CONNECTIONS,
        isolation_level="REPEATABLE READ",
        # The server may have been started anew since the last read.
        pool_pre_ping=True,
    )


def check_postgres(address: Address, engine: Engine) -> None:
    """
    Refuse what is not a database of this version of otel-bridge.

    Raises:
        DatabaseNotFoundError: Nothing has been recorded into it.
        SchemaVersionError: Another version of otel-bridge wrote it.
        DatabaseUnavailableError: The server cannot be reached.
    """
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("run_log"):
                raise DatabaseNotFoundError(
                    f"nothing has been recorded into {address}: record something first, "
                    "or name another database with --db or $OTEL_BRIDGE_DB"
                )
            version = connection.execute(select(schema_info.c.version)).scalar_one()
    except DBAPIError as error:
        raise DatabaseUnavailableError(f"cannot connect to {address}: {error.orig}") from error
    check_version(address, version)
