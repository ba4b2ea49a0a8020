"""
Statements that are compiled once: writing many rows, and reading rows by lists of keys.

SQLAlchemy describes them; at run time their text goes to the driver as it is, since
working out parameters and results anew each time would cost more than the database does.
Errors are therefore the driver's own; `Database.transaction` gives them SQLAlchemy's form.
"""

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update, literal_column
from sqlalchemy.sql.elements import ColumnElement

_MARK = "keys_go_here"
_CHUNK = 4096
_TOGETHER = (50, 10)
_INSERTED = re.compile(r"^INSERT .* VALUES (\((?:\?, )*\?\))$")

KEYS: ColumnElement[bool] = literal_column(_MARK)


class Lookup:
    """
    A select or delete by a list of keys.

    Args:
        statement: Has the condition `KEYS`, once.
        on: The columns that a key gives values for.
    """

    def __init__(self, statement: Select[Any] | Delete, *on: ColumnElement[Any]) -> None:
        self._statement = statement
        self._on = on
        self._texts: dict[tuple[str, int], str] = {}
        self._make: Callable[[Iterable[Any]], Any] | None = None

    def rows(self, connection: Connection, keys: Sequence[Any]) -> list[Any]:
        """
        Run the select for keys: single values, or tuples where there are several columns.
        """
        if not keys:
            return []
        found: list[Any] = []
        cursor = connection.connection.cursor()
        for text, values in self._chunks(connection.dialect, keys):
            cursor.execute(text, values)
            if self._make is None:
                self._make = _row_type(cursor.description)
            found.extend(map(self._make, cursor.fetchall()))
        cursor.close()
        return found

    def run(self, connection: Connection, keys: Sequence[Any]) -> None:
        """
        Run the delete for keys.
        """
        if not keys:
            return
        cursor = connection.connection.cursor()
        for text, values in self._chunks(connection.dialect, keys):
            cursor.execute(text, values)
        cursor.close()

    def _chunks(self, dialect: Dialect, keys: Sequence[Any]) -> list[tuple[str, tuple[Any, ...]]]:
        if dialect.name == "postgresql":
            values = list(map(list, zip(*keys, strict=True))) if len(self._on) > 1 else [[*keys]]
            return [(self._text(dialect, 0), tuple(values))]
        chunks = []
        for start in range(0, len(keys), _CHUNK):
            part = list(keys[start : start + _CHUNK])
            # Few lengths of list make few statements, which the driver keeps prepared.
            size = 1 << (len(part) - 1).bit_length()
            part += [part[-1]] * (size - len(part))
            flat = tuple(chain.from_iterable(part)) if len(self._on) > 1 else tuple(part)
            chunks.append((self._text(dialect, size), flat))
        return chunks

    def _text(self, dialect: Dialect, size: int) -> str:
        text = self._texts.get((dialect.name, size))
        if text is None:
            compiled = self._statement.compile(dialect=dialect, compile_kwargs=_LITERAL)
            condition = _among_arrays(self._on, dialect) if not size else _among(self._on, size)
            text = str(compiled).replace(_MARK, condition)
            self._texts[dialect.name, size] = text
        return text


class Rows:
    """
    An insert or update of many rows.

    Args:
        statement: With all its parameters named.
    """

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._texts: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {}

    def write(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """
        Write rows, which all have the same columns.
        """
        if not rows:
            return
        text, values_of = self._text(connection.dialect)
        values = list(map(values_of, rows))
        cursor = connection.connection.cursor()
        rest = self._write_together(cursor, text, values)
        if len(rest) == 1:
            cursor.execute(text, rest[0])
        elif rest:
            cursor.executemany(text, rest)
        cursor.close()

    def _write_together(self, cursor: Any, text: str, values: list[Any]) -> list[Any]:
        """
        Insert as many rows as may be with statements of many rows each; give the others.

        SQLite's driver lets go of Python's lock for each run of a statement, and another
        thread that is at work then keeps it for its whole turn: row by row, a batch would
        wait some hundred turns.
        """
        row = _INSERTED.search(text)
        if row is None:
            return values
        done = 0
        # Few lengths make few statements, which the driver keeps prepared.
        for size in _TOGETHER:
            many = text + f", {row[1]}" * (size - 1)
            while len(values) - done >= size:
                part = chain.from_iterable(values[done : done + size])
                cursor.execute(many, tuple(part))
                done += size
        return values[done:]

    def _text(self, dialect: Dialect) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        known = self._texts.get(dialect.name)
        if known is None:
            compiled = self._statement.compile(dialect=dialect)
            known = (str(compiled), _values_in_order(compiled.positiontup))
            self._texts[dialect.name] = known
        return known


def _among(columns: Sequence[ColumnElement[Any]], size: int) -> str:
    names = ", ".join(map(str, columns))
    if len(columns) == 1:
        return f"{names} IN ({', '.join('?' * size)})"
    row = f"({', '.join('?' * len(columns))})"
    # SQLite finds the rows of a select by an index, those of VALUES by a scan.
    values = f"(VALUES {', '.join([row] * size)})"
    return " ".join((f"({names}) IN", "(SELECT * FROM", f"{values})"))


def _among_arrays(columns: Sequence[ColumnElement[Any]], dialect: Dialect) -> str:
    names = ", ".join(map(str, columns))
    arrays = ", ".join(f"%s::{_plain_type(column, dialect)}[]" for column in columns)
    if len(columns) == 1:
        return f"{names} = ANY({arrays})"
    return " ".join((f"({names}) IN", "(SELECT * FROM", f"unnest({arrays}))"))


def _plain_type(column: ColumnElement[Any], dialect: Dialect) -> str:
    return column.type.compile(dialect).partition(" ")[0]


def _values_in_order(names: Sequence[str] | None) -> Callable[[Mapping[str, Any]], Any]:
    if names is None:
        return dict
    getter = itemgetter(*names)
    return getter if len(names) > 1 else lambda row: (getter(row),)


def _row_type(description: Iterable[Sequence[Any]]) -> Callable[[Iterable[Any]], Any]:
    names = [column[0] for column in description]
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
    make: Callable[[Iterable[Any]], Any] = row._make
    return make


_LITERAL = {"literal_binds": True}
