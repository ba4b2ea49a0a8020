"""
A PostgreSQL database open for writing; needs the `postgres` extra.

All writers take one lock for their transaction, so that sequence numbers are given in
the order of commit, as SQLite gives them.
"""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from otel_bridge_storage.addresses import Address, Kind
from otel_bridge_storage.columns import metadata
from otel_bridge_storage.database import BUSY_TIMEOUT_S, Database
from otel_bridge_storage.errors import (
    DatabaseUnavailableError,
    NotADatabaseError,
    NotInstalledError,
)
from otel_bridge_storage.schema import schema_info

_LOCK = 0x4F544252
_TAKE_LOCK = f"SELECT pg_advisory_xact_lock({_LOCK}, hashtext(current_schema()))"
# A server that does not answer is taken for gone, as libpq would only do after minutes.
_PATIENCE = {"connect_timeout": 10, "tcp_user_timeout": 30_000}


class PostgresDatabase(Database):
    """
    A PostgreSQL database open for writing.

    Args:
        url: How to connect; `options=-csearch_path=NAME` in it chooses a schema.
        busy_timeout_s: How long a transaction waits for those of other processes.
    """

    deletes_free_room = False
    _errors_break_connections = True

    def __init__(self, url: URL, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        timeout_ms = int(busy_timeout_s * 1000)
        engine = postgres_engine(
            url,
            f"-c lock_timeout={timeout_ms} -c synchronous_commit=on",
            # What others committed while this one waited for the lock must be seen.
            isolation_level="READ COMMITTED",
        )
        super().__init__(Address(Kind.POSTGRES, url=url), engine)

    def size(self) -> int:
        """
        Say how many bytes the tables and their indexes take.
        """
        with self.transaction() as connection:
            return sum(
                int(connection.execute(_SIZE, {"name": table.name}).scalar_one())
                for table in metadata.sorted_tables
            )

    def compact(self) -> None:
        """
        Write the tables anew. What the server keeps elsewhere, such as its own log and
        its backups, is not touched.

        Raises:
            DatabaseUnavailableError: Somebody else reads or writes it for too long.
        """
        self._disconnect()
        try:
            with self._engine.connect() as connection:
                direct = connection.execution_options(isolation_level="AUTOCOMMIT")
                for table in metadata.sorted_tables:
                    direct.execute(text(f'VACUUM (FULL) "{table.name}"'))
        except OperationalError as error:
            raise DatabaseUnavailableError(
                f"what was deleted may still be in {self.address}, since it is in use "
                f"({error.orig}): try again when nobody else reads or writes it"
            ) from error
        finally:
            self._disconnect()

    def _version(self, connection: Connection) -> int | None:
        found = set(inspect(connection).get_table_names())
        ours = set(metadata.tables)
        if "schema_info" in found and "run_log" in found:
            return int(connection.execute(select(schema_info.c.version)).scalar_one())
        if found & ours:
            raise NotADatabaseError(
                f"{self.address} has tables of another program, such as "
                f"{min(found & ours)}: give otel-bridge a database or a schema of its own"
            )
        return None

    def _lock(self, connection: Connection) -> None:
        cursor = connection.connection.cursor()
        cursor.execute(_TAKE_LOCK)
        cursor.close()


def postgres_engine(url: URL, options: str, *, size: int = 1, **settings: Any) -> Engine:
    """
    Make an engine over PostgreSQL.

    Args:
        options: Settings of each connection, as `-c name=value`.
        size: How many connections at the most.

    Raises:
        NotInstalledError: The driver is not installed.
    """
    given = url.query.get("options", "")
    told = given if isinstance(given, str) else " ".join(given)
    try:
        engine = create_engine(
            url.difference_update_query(["options"]),
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            connect_args={
                "options": f"{told} {options}".strip(),
                **{name: value for name, value in _PATIENCE.items() if name not in url.query},
            },
            hide_parameters=True,
            **settings,
        )
    except ImportError as error:
        raise NotInstalledError(
            "PostgreSQL needs the psycopg library: run `pip install 'otel-bridge[postgres]'`"
        ) from error

    @event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        _replace_nul(connection)

    return engine


def _replace_nul(connection: Any) -> None:
    """
    Have NUL characters, which no text of PostgreSQL can hold, stored as U+FFFD.
    """
    from psycopg.types.string import StrDumper

    class NulFree(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\x00", "\ufffd") if "\x00" in obj else obj)

    connection.adapters.register_dumper(str, NulFree)


_SIZE = text("SELECT pg_total_relation_size(to_regclass(quote_ident(:name)))")
