"""
The views of `Queries.sql` as a script for the sqlite3 shell.

It is made of the same text as the views themselves. Its views are temporary and stand
before the tables of the same names, which stay as they are; lists and maps are JSON text
in them, moments ISO 8601 text in UTC, and booleans 0 and 1.
"""

import re
import textwrap
from string import Template

from otel_bridge_storage.dead_writers import SILENCE_S

from otel_bridge_queries.described import View, described_views
from otel_bridge_queries.engine import read_sql
from otel_bridge_queries.relations import RELATIONS, Column, Relation
from otel_bridge_queries.texts import distinct_texts

_HEADER = """\
-- The views of otel-bridge for the sqlite3 shell: sqlite3 -init FILE runs.db
--
-- They hold what the views of `otel-bridge sql` hold. Moments are ISO 8601 text in UTC,
-- lists and maps JSON text, booleans 0 or 1. A run whose process was killed counts as
-- interrupted after $silence seconds of silence.
"""
_NOW_NS = "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000)"
_OF_STATES = ("messages", "open_runs")
_REPLACED = ("ended_ns", "status")
_MACRO = re.compile(r"\b(as_json|call_status|milliseconds|moment|usd)\(([^()]*)\)")
_MACROS = {
    "as_json": "CASE WHEN json_valid({0}) THEN {0} END",
    "call_status": "CASE WHEN {0} = 'running' AND {1} THEN 'interrupted' ELSE {0} END",
    "milliseconds": "(CASE WHEN {0} < 0 THEN 0 ELSE {0} END / 1e6)",
    "moment": "strftime('%Y-%m-%dT%H:%M:%S', {0} / 1000000000, 'unixepoch') "
    "|| printf('.%06dZ', {0} % 1000000000 / 1000)",
    "usd": "{0} / 1e12",
}
_DISTINCT = (
    "(SELECT json_group_array(value) FROM (SELECT value FROM json_each("
    "CASE WHEN json_valid({0}) AND json_type({0}) = 'array' THEN {0} END) "
    "WHERE type = 'text' GROUP BY value ORDER BY min(key)))"
)


def sqlite_script() -> str:
    """
    Give the script; it is the same for every database.
    """
    relations = [each for each in RELATIONS.values() if each.name not in _OF_STATES]
    described = {view.name: view for view in described_views()}
    header = Template(_HEADER).substitute(silence=f"{SILENCE_S:g}")
    views = [_translated(text, described) for text in _statements(read_sql("setup/views.sql"))]
    return "\n".join([header, *map(_relation, relations), _states(), *views])


def _relation(relation: Relation) -> str:
    """
    Give what a relation reads, from the tables that the views stand before.
    """
    columns = ",\n    ".join(f"{_source(each)} AS {each.name}" for each in relation.columns)
    joined = re.sub(r"\bJOIN (\w+)", r"JOIN main.\1 AS \1", relation.joined)
    where = f"\nWHERE {relation.where}" if relation.where else ""
    # Only constants of `relations` are put together here.
    return (
        f"CREATE TEMP VIEW loaded_{relation.name} AS\nSELECT\n    {columns}\n"
        f"FROM main.{relation.table} AS {relation.table} {joined}".rstrip()
        + f"{where};\n"
    )


def _source(column: Column) -> str:
    return _DISTINCT.format(column.source) if column.function is distinct_texts else column.source


def _states() -> str:
    others = ", ".join(
        f"r.{column.name}" for column in RELATIONS["runs"].columns if column.name not in _REPLACED
    )
    return Template(_without_comments(read_sql("shells/sqlite_states.sql"))).safe_substitute(
        now_ns=_NOW_NS, silence_ns=int(SILENCE_S * 10**9), others=others
    )


def _translated(statement: str, described: dict[str, View]) -> str:
    statement = re.sub(r"\bloaded\.(\w+)", r"loaded_\1", statement)
    statement = _MACRO.sub(_written_out, statement)
    statement = statement.replace("CREATE VIEW", "CREATE TEMP VIEW", 1)
    name = re.match(r"CREATE TEMP VIEW (\w+)", statement)
    view = described.get(name[1]) if name else None
    return f"{_commented(view)}{statement}\n" if view else f"{statement}\n"


def _written_out(call: re.Match[str]) -> str:
    return _MACROS[call[1]].format(*(argument.strip() for argument in call[2].split(",")))


def _commented(view: View) -> str:
    lines = [view.comment, *(f"{each.name}: {each.comment}" for each in view.columns)]
    return "".join(
        textwrap.fill(line, 88, initial_indent="-- ", subsequent_indent="--     ") + "\n"
        for line in lines
    )


def _statements(text: str) -> list[str]:
    return [f"{part.strip()};" for part in _without_comments(text).split(";") if part.strip()]


def _without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines(True) if not line.startswith("--"))
