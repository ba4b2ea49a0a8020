"""
Which database a path or a URL means.
"""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from otel_bridge_storage.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_FILE_SCHEMES = ("sqlite", "sqlite+aiosqlite", "sqlite+pysqlite")
_MEMORY = (":memory:", "memory:", "sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite://")
_POSTGRES = ("postgres", "postgresql", "postgresql+psycopg")


class Kind(Enum):
    """
    What sort of database it is.
    """

    FILE = "SQLite file"
    MEMORY = "SQLite in memory"
    POSTGRES = "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where a database is.

    Attributes:
        path: The file; only of a SQLite file.
        memory: The name; only of a database in memory.
        url: How to connect; only of PostgreSQL.
    """

    kind: Kind
    path: Path | None = None
    memory: str | None = None
    url: "URL | None" = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """
        Give a text that is the same for all addresses of one database.
        """
        if self.path is not None:
            return str(self.path.resolve())
        return f"memory://{self.memory}" if self.url is None else self.url.render_as_string()

    def __str__(self) -> str:
        """
        Give the address as it may be shown: without a password.
        """
        if self.path is not None:
            return str(self.path)
        if self.url is not None:
            secrets = [name for name in self.url.query if "pass" in name.lower()]
            hidden = self.url.update_query_pairs([(name, "***") for name in secrets])
            return hidden.render_as_string(hide_password=True)
        return f"memory://{self.memory}"


def address_of(target: str | Path | Address) -> Address:
    """
    Say which database is meant.

    Args:
        target: A path, `sqlite:///PATH`, `memory://NAME`, `:memory:` or
            `postgresql://USER:PASSWORD@HOST:PORT/NAME`.

    Raises:
        DatabaseError: The URL is malformed, or of another kind of database.
    """
    if isinstance(target, Address):
        return target
    text = str(target)
    if text in _MEMORY:
        return Address(Kind.MEMORY, memory="")
    scheme, colon, rest = text.partition("://")
    if not colon:
        if not text:
            raise DatabaseError("the database's path is empty: give the path of a file")
        return Address(Kind.FILE, path=Path(text))
    if scheme == "memory":
        return Address(Kind.MEMORY, memory=rest)
    if scheme in _FILE_SCHEMES and rest.startswith("/") and len(rest) > 1:
        return Address(Kind.FILE, path=Path(rest[1:]))
    if scheme in _POSTGRES:
        return Address(Kind.POSTGRES, url=_postgres(text))
    raise DatabaseError(
        f"cannot open a {scheme} database: give the path of a SQLite file, sqlite:///PATH, "
        "memory://NAME or postgresql://USER:PASSWORD@HOST/NAME"
    )


def file_path(target: str | Path | Address) -> Path:
    """
    Give the file that a path or a `sqlite:///` URL means.

    Raises:
        DatabaseError: It is a database of another kind.
    """
    address = address_of(target)
    if address.path is None:
        raise DatabaseError(f"{address} is no SQLite file: give the path of one")
    return address.path


def _postgres(text: str) -> "URL":
    # Only databases on a server are worth the time that this takes.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text, and what is said of it, may hold a password and are not passed on.
        raise DatabaseError(
            "the PostgreSQL URL is malformed: write postgresql://USER:PASSWORD@HOST:PORT/NAME"
        ) from None
    return url.set(drivername="postgresql+psycopg")
