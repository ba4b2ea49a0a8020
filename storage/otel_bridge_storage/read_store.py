"""
Opening and closing what reads a database from async code.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.read_engine import ReadEngine


class ReadStore:
    """
    An async context manager over one database that is only read.

    Make one with `from_url` or `from_engine`. All methods raise `DatabaseError`, or the
    class below it that says more, where the database cannot be read.
    """

    def __init__(self, engine: ReadEngine) -> None:
        self._engine = engine

    @classmethod
    def from_url(cls, url: str | Path) -> Self:
        """
        Read a database, given by the path of its file or by a URL.

        It is opened at the first use or on entering the context.

        Args:
            url: A path, `sqlite:///PATH`, `memory://NAME` or
                `postgresql://USER:PASSWORD@HOST:PORT/NAME`.

        Raises:
            DatabaseError: The URL is of another kind of database.
            NotInstalledError: The database's driver is not installed.
        """
        return cls(ReadEngine.open(address_of(url)))

    @classmethod
    def from_database_url(cls, database_url: str | Path) -> Self:
        """
        Do the same as `from_url`, under another name.
        """
        return cls.from_url(database_url)

    @classmethod
    def from_engine(cls, engine: AsyncEngine) -> Self:
        """
        Read through an engine over SQLite or PostgreSQL that is there already.

        The caller disposes of the engine; closing the store does nothing to it.
        """
        return cls(ReadEngine.over(engine))

    async def __aenter__(self) -> Self:
        try:
            await self._engine.check()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """
        Let go of the database.
        """
        await self._engine.close()
