"""
Reading a database from async code, each read in one snapshot of it.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from otel_bridge_storage.addresses import Address, Kind
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.memory_database import check_memory
from otel_bridge_storage.sqlite_files import open_reader, read_error
from otel_bridge_storage.sqlite_reading import file_engine, memory_engine

T = TypeVar("T")


class ReadEngine:
    """
    Runs reads against one database.

    Args:
        engine: Reads it; one that is not async does so in threads.
        address: Where it is; None where only the engine knows.
        owned: Whether `close` disposes of the engine.
    """

    def __init__(
        self, engine: AsyncEngine | Engine, address: Address | None, *, owned: bool
    ) -> None:
        self._engine = engine
        self._address = address
        self._owned = owned
        self._checked = address is None
        self._closed = False

    @classmethod
    def open(cls, address: Address) -> "ReadEngine":
        """
        Make an engine of its own; nothing is opened before the first read.

        Raises:
            NotInstalledError: The database's driver is not installed.
        """
        return cls(_engine(address), address, owned=True)

    @classmethod
    def over(cls, engine: AsyncEngine) -> "ReadEngine":
        """
        Read through the engine of somebody else, who disposes of it.

        Raises:
            DatabaseError: The engine's database is neither SQLite nor PostgreSQL by psycopg.
        """
        driver = f"{engine.dialect.name}+{engine.dialect.driver}"
        if driver not in ("sqlite+aiosqlite", "postgresql+psycopg"):
            raise DatabaseError(
                f"cannot read through an engine of {driver}: give one of sqlite+aiosqlite or "
                "postgresql+psycopg"
            )
        database = engine.url.database or ""
        if engine.dialect.name != "sqlite" or database.startswith((":memory:", "file:")):
            return cls(engine, None, owned=False)
        address = Address(Kind.FILE, path=Path(database)) if database else None
        return cls(engine, address, owned=False)

    @property
    def address(self) -> Address | None:
        """
        Where the database is, if that is known.
        """
        return self._address

    async def check(self) -> None:
        """
        Refuse what is not a database of this version of otel-bridge.

        Raises:
            DatabaseNotFoundError: There is no such database.
            NotADatabaseError: It is something else.
            SchemaVersionError: Another version of otel-bridge wrote it.
        """
        if self._address is not None:
            await asyncio.to_thread(_check, self._address, self._engine)
        self._checked = True

    async def read(self, work: Callable[[Connection], T]) -> T:
        """
        Run a function that reads, and give what it returns.

        Raises:
            DatabaseError: The database cannot be read, or is not one; see `check`.
        """
        if self._closed:
            raise DatabaseError(f"the store of {self._name} is closed: open another")
        if not self._checked:
            await self.check()
        try:
            if isinstance(self._engine, Engine):
                return await asyncio.to_thread(_read, self._engine, work)
            async with self._engine.connect() as connection:
                return await connection.run_sync(work)
        except DBAPIError as error:
            raise read_error(self._name, error.orig or error) from error

    async def close(self) -> None:
        """
        Let go of the database; an engine of somebody else stays open.
        """
        self._closed = True
        if self._owned:
            if isinstance(self._engine, Engine):
                await asyncio.to_thread(self._engine.dispose)
            else:
                await self._engine.dispose()

    @property
    def _name(self) -> str:
        return str(self._address or self._engine.url)


def _engine(address: Address) -> AsyncEngine | Engine:
    if address.path is not None:
        return file_engine(address.path)
    if address.url is not None:
        from otel_bridge_storage.postgres_reading import reading_engine

        return reading_engine(address.url)
    return memory_engine(address.memory or "")


def _check(address: Address, engine: AsyncEngine | Engine) -> None:
    if address.path is not None:
        open_reader(address.path).close()
    elif isinstance(engine, Engine):
        from otel_bridge_storage.postgres_reading import check_postgres

        check_postgres(address, engine)
    else:
        check_memory(address)


def _read(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect() as connection:
        return work(connection)
