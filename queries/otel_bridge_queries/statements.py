"""
What a reader's statement would read, judged on the statement as DuckDB parsed it.

Whatever is not known to be harmless is refused: tables by a list of the views and of the
statement's own common table expressions, table functions by a list of those that make
rows of their arguments, parts of statements by a list of those that only read.
"""

import difflib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
from otel_bridge_storage.errors import QueryError

from otel_bridge_queries.catalog import VIEWS
from otel_bridge_queries.faults import placed, said

MOST_CHARACTERS = 20_000
MOST_BRACKETS = 200
MOST_LEVELS = 400
MOST_NAMES = 50
# They make rows of their arguments. `histogram` and others take the name of a table as text.
TABLE_FUNCTIONS = frozenset(
    {"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"}
)
# They tell of the engine or of other statements, change what others see, or wait.
REFUSED_FUNCTIONS = frozenset(
    {
        "currval",
        "current_setting",
        "get_block_size",
        "getenv",
        "getvariable",
        "nextval",
        "parse_duckdb_log_message",
        "pg_get_constraintdef",
        "pg_get_expr",
        "pg_get_viewdef",
        "setseed",
        "setval",
        "sleep_ms",
        "write_log",
    }
)
_PARTS = frozenset(
    {
        # Queries.
        *("RECURSIVE_CTE_NODE", "SELECT_NODE", "SET_OPERATION_NODE"),
        # What they read from.
        *("BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SHOW_REF", "SUBQUERY"),
        "TABLE_FUNCTION",
        # How their rows are ordered and counted.
        *("DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_MODIFIER"),
        *("ASCENDING", "DESCENDING", "ORDER_DEFAULT"),
    }
)
_TOO_DEEP = "the statement is nested too deeply"
_BRACKETS = re.compile(r"[][(){}]")
_EXPLAIN = re.compile(r"\s*explain\s+(?:analyze\s+)?(?!\()", re.IGNORECASE)
_OWN_SCHEMA = (["main"], ["memory", "main"])

# A part of a statement, and the names that common table expressions have there.
_Part = tuple[Any, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Reading:
    """
    A statement that only reads.

    Attributes:
        text: The statement.
        query: It without an EXPLAIN before it.
        views: The views it reads.
    """

    text: str
    query: str
    views: frozenset[str]

    @property
    def relations(self) -> set[str]:
        """
        The relations that those views are made of.
        """
        return {name for view in self.views for name in VIEWS[view]}


def reading_of(engine: duckdb.DuckDBPyConnection, text: str) -> Reading:
    """
    Judge a statement.

    Raises:
        QueryError: It is not one statement that reads the views and nothing else.
    """
    _bounded(text)
    query = _single(engine, text)
    try:
        (document,) = engine.execute(
            "SELECT json_serialize_sql($text::VARCHAR, skip_empty := true, skip_null := true)",
            {"text": query},
        ).fetchall()[0]
        parsed = json.loads(document)
    except (duckdb.Error, RecursionError) as error:
        raise QueryError(_TOO_DEEP) from error
    if parsed["error"]:
        message = parsed["error_message"]
        raise QueryError(f"only SELECT is allowed here, and not all of its forms: {message}")
    judge = _Judge(query)
    judge.judge(parsed["statements"])
    return Reading(text, query, frozenset(judge.views))


def _bounded(text: str) -> None:
    """
    Refuse what DuckDB's parser would run out of stack or time over.
    """
    if len(text) > MOST_CHARACTERS:
        raise QueryError(f"the statement is longer than {MOST_CHARACTERS:,} characters")
    turns = (1 if found[0] in "([{" else -1 for found in _BRACKETS.finditer(text))
    if max(itertools.accumulate(turns), default=0) > MOST_BRACKETS:
        raise QueryError(_TOO_DEEP)


def _single(engine: duckdb.DuckDBPyConnection, text: str) -> str:
    """
    Give the text of the one query, without an EXPLAIN before it.
    """
    try:
        statements = engine.extract_statements(text)
    except duckdb.Error as error:
        raise QueryError(said(error, text)) from error
    if len(statements) != 1:
        raise QueryError(f"give one SELECT statement, not {len(statements)}")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        # What follows is parsed on its own, so that a wrong guess is refused there.
        explain = _EXPLAIN.match(text)
        if explain is None:
            raise QueryError("write EXPLAIN or EXPLAIN ANALYZE first, without options")
        return text[explain.end() :]
    if kind != duckdb.StatementType.SELECT:
        raise QueryError(f"only SELECT is allowed here, not {kind.name}: nothing can be changed")
    return text


class _Judge:
    """
    Goes through all parts of one statement and notes the views that it reads.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.views: set[str] = set()

    def judge(self, statement: Any) -> None:
        """
        Refuse the statement if any part of it is not known to be harmless.
        """
        # Level by level: binding what is nested too deeply would run out of stack.
        level: list[_Part] = [(statement, frozenset())]
        for _ in range(MOST_LEVELS):
            level = [inner for part, names in level for inner in self._below(part, names)]
            if not level:
                return
        raise QueryError(_TOO_DEEP)

    def _below(self, part: Any, names: frozenset[str]) -> Iterator[_Part]:
        if isinstance(part, list):
            return ((each, names) for each in part)
        return self._inside(part, names) if isinstance(part, dict) else iter(())

    def _inside(self, part: Mapping[str, Any], names: frozenset[str]) -> Iterator[_Part]:
        kind = part.get("type")
        if isinstance(kind, str) and "class" not in part and kind not in _PARTS:
            raise self._refused(f"{kind} is not allowed here: nothing can be changed", part)
        if len(part.get("column_names", ())) > MOST_NAMES:
            raise self._refused("the name of a column has too many parts", part)
        if kind == "RECURSIVE_CTE_NODE":
            # Its first part does not see it yet, and would take its name for a file's.
            yield part["right"], names | {_folded(part["cte_name"])}
            part = {key: value for key, value in part.items() if key != "right"}
        elif kind == "BASE_TABLE":
            self._table(part, names)
        elif kind == "SHOW_REF" and "query" not in part:
            self._show(part)
        elif kind == "TABLE_FUNCTION":
            part = {**part, "function": self._called(part)}
        elif "function_name" in part:
            self._function(part)
        for entry in (part.get("cte_map") or {}).get("map", ()):
            yield entry["value"], names
            names = names | {_folded(entry["key"])}
        yield from ((value, names) for key, value in part.items() if key != "cte_map")

    def _table(self, part: Mapping[str, Any], names: frozenset[str]) -> None:
        *schema, typed = part["qualified_name"]["path"]
        name = _folded(typed)
        if not schema and name in names:
            return
        if name not in VIEWS or (schema and list(map(_folded, schema)) not in _OWN_SCHEMA):
            whole = ".".join((*schema, typed))
            near = difflib.get_close_matches(name, VIEWS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise self._refused(f"there is no view {whole!r}{hint} ({_offered()})", part)
        self.views.add(name)

    def _show(self, part: Mapping[str, Any]) -> None:
        if part.get("table_name") != '"tables"':
            raise self._refused("DESCRIBE a view or a query, or SHOW TABLES", part)

    def _called(self, part: Mapping[str, Any]) -> list[Any]:
        """
        Judge a table function and give the rest of it: what it is called with.
        """
        function = part["function"]
        name = _name_of(function)
        if name not in TABLE_FUNCTIONS:
            raise self._refused(f"{name}() cannot be read from here ({_offered()})", part)
        return [value for key, value in function.items() if key != "function_name"]

    def _function(self, part: Mapping[str, Any]) -> None:
        name = _name_of(part)
        if name in REFUSED_FUNCTIONS:
            raise self._refused(f"{name}() is not allowed here", part)

    def _refused(self, message: str, part: Mapping[str, Any]) -> QueryError:
        return QueryError(placed(message, self._text, part.get("query_location")))


def _name_of(function: Mapping[str, Any]) -> str:
    path = function.get("qualified_name", {}).get("path")
    return _folded(path[-1] if path else function["function_name"])


def _folded(name: str) -> str:
    """
    Fold a name as DuckDB does, which knows no letters but those of ASCII.
    """
    return name.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _offered() -> str:
    views, functions = ", ".join(VIEWS), ", ".join(sorted(TABLE_FUNCTIONS))
    return f"a query can read {views}, and {functions}"
