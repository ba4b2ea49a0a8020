"""
Statements that are compiled once: writing many rows, and reading rows by lists of keys.

SQLAlchemy describes them; at run time their text goes to the driver as it is, since
working out the parameters of each row anew would cost more than the database does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update, literal_column
from sqlalchemy.sql.elements import ColumnElement

_MARK = "keys_go_here"
_CHUNK = 4096

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

    def rows(self, connection: Connection, keys: Sequence[Any]) -> list[Any]:
        """
        Run the select for keys: single values, or tuples where there are several columns.
        """
        found: list[Any] = []
        for text, values in self._chunks(connection.dialect, keys):
            found.extend(connection.exec_driver_sql(text, values))
        return found

    def run(self, connection: Connection, keys: Sequence[Any]) -> None:
        """
        Run the delete for keys.
        """
        for text, values in self._chunks(connection.dialect, keys):
            connection.exec_driver_sql(text, values)

    def _chunks(self, dialect: Dialect, keys: Sequence[Any]) -> list[tuple[str, tuple[Any, ...]]]:
        chunks = []
        for start in range(0, len(keys), _CHUNK):
            part = list(keys[start : start + _CHUNK])
            # Few lengths of list make few statements, which the driver keeps prepared.
            size = 1 << (len(part) - 1).bit_length()
            part += [part[-1]] * (size - len(part))
            values = tuple(v for key in part for v in key) if len(self._on) > 1 else tuple(part)
            chunks.append((self._text(dialect, size), values))
        return chunks

    def _text(self, dialect: Dialect, size: int) -> str:
        text = self._texts.get((dialect.name, size))
        if text is None:
            mark = "?" if dialect.paramstyle == "qmark" else "%s"
            names = ", ".join(str(column) for column in self._on)
            if len(self._on) == 1:
                condition = f"{names} IN ({', '.join([mark] * size)})"
            else:
                row = f"({', '.join([mark] * len(self._on))})"
                condition = f"({names}) IN (VALUES {', '.join([row] * size)})"
            compiled = self._statement.compile(dialect=dialect, compile_kwargs=_LITERAL)
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
        self._texts: dict[str, tuple[str, Sequence[str] | None]] = {}

    def write(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """
        Write rows, which all have the same columns.
        """
        if not rows:
            return
        text, names = self._text(connection.dialect)
        if names is None:
            connection.exec_driver_sql(text, [dict(row) for row in rows])
        else:
            connection.exec_driver_sql(text, [tuple(row[name] for name in names) for row in rows])

    def _text(self, dialect: Dialect) -> tuple[str, Sequence[str] | None]:
        known = self._texts.get(dialect.name)
        if known is None:
            compiled = self._statement.compile(dialect=dialect)
            known = self._texts[dialect.name] = (str(compiled), compiled.positiontup)
        return known


_LITERAL = {"literal_binds": True}
