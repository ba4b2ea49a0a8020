"""
What all tables are made with.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, MetaData, Text, text
from sqlalchemy.dialects import postgresql

metadata = MetaData()

# SQLite makes only a column spelled INTEGER PRIMARY KEY the row id, and has one size of
# integer; elsewhere 32 bits would not hold what OTLP does.
Whole = BigInteger().with_variant(Integer, "sqlite")
# Texts are ordered by their code points, whatever the server's language is.
Words = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def index(name: str, *columns: str, where: str | None = None, unique: bool = False) -> Index:
    """
    Make an index, over all rows or over those that meet a condition.
    """
    if where is None:
        return Index(name, *columns, unique=unique)
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def any_of(column: str, values: Sequence[Any]) -> str:
    """
    Give the condition that a column has one of some constants.
    """
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
