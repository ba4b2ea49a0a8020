"""
The relations that reports read: which columns, of which rows of the database.

Calls carry what their run is known by, so that a report reads one relation and joins
nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from otel_bridge_queries.texts import distinct_texts, first_id, message_text

# All offsets of time zones since 1972 are whole quarters of an hour, so that every
# calendar begins its hours and days with one.
QUARTER_NS = 15 * 60 * 10**9
# SQLite's own number of a row, for tables whose key is a text; VACUUM may change it.
ROW_ID = "rowid"
_WHOLE_NUMBERS = frozenset({"BIGINT", "BOOLEAN", "INTEGER"})


@dataclass(frozen=True, slots=True)
class Column:
    """
    One column of a relation.

    Attributes:
        type: DuckDB's name of its type; a list of texts comes from a JSON list.
        source: The SQL expression that it is read from.
        function: What is made of each value on the way.
    """

    name: str
    type: str
    source: str
    function: Callable[[str], str | None] | None = None

    @property
    def carrier(self) -> str:
        """
        The type it travels as in JSON.
        """
        return self.type if self.type in _WHOLE_NUMBERS else "VARCHAR"


@dataclass(frozen=True, slots=True)
class Relation:
    """
    One relation of the reports and where its rows come from.

    Attributes:
        table: The table of the database that has one row for each of its rows.
        key: The integer column of that table which tells its rows apart.
        joined: What else of the database it reads, after the table's name.
        where: Which rows, as an SQL condition; all if None.
        volatile: Whether it is few rows that change with every commit.
        run_columns: The columns of `runs` that it carries, if it carries any.
    """

    name: str
    table: str
    key: str
    columns: tuple[Column, ...]
    joined: str = ""
    where: str | None = None
    volatile: bool = False
    run_columns: tuple[str, ...] = ()

    @property
    def key_column(self) -> str:
        """
        The key with its table before it.
        """
        return f"{self.table}.{self.key}"

    @property
    def origin(self) -> str:
        """
        The tables of the database, after FROM.
        """
        return f"{self.table} {self.joined}".strip()

    @property
    def create(self) -> str:
        """
        The DuckDB statement that makes the relation's table anew, empty.
        """
        return f"CREATE OR REPLACE TABLE loaded.{self.name} ({self._declared})"

    @property
    def create_recent(self) -> str:
        """
        The DuckDB statement that makes the table of its rows that are in no file.
        """
        return f"CREATE OR REPLACE TABLE loaded.{self.name}_recent ({self._declared})"

    @property
    def insert(self) -> str:
        """
        The DuckDB statement that appends a chunk: each column of it as a JSON list.
        """
        return f"INSERT INTO loaded.{self.name} BY NAME {self.rows}"

    @property
    def rows(self) -> str:
        """
        The DuckDB query that makes rows of a chunk: each column of it as a JSON list.
        """
        return f"SELECT {self._values} FROM (SELECT {self._lists})"  # noqa: S608 - constants of this module

    @property
    def keyed_rows(self) -> str:
        """
        The same with the keys of the rows, `row_key`, as the first list.
        """
        keys = "unnest(from_json(?, '[\"BIGINT\"]')) AS row_key"
        return f"SELECT row_key, {self._values} FROM (SELECT {keys}, {self._lists})"  # noqa: S608 - constants of this module

    @property
    def _declared(self) -> str:
        return ", ".join(f"{column.name} {column.type}" for column in self.columns)

    @property
    def _lists(self) -> str:
        return ", ".join(
            f"unnest(from_json(?, '[\"{column.carrier}\"]')) AS {column.name}"
            for column in self.columns
        )

    @property
    def _values(self) -> str:
        return ", ".join(f"{_value(column)} AS {column.name}" for column in self.columns)


def _value(column: Column) -> str:
    if column.type == "VARCHAR[]":
        return f"coalesce(TRY(from_json({column.name}, '[\"VARCHAR\"]')), [])"
    return column.name


def _columns(prefix: str, kind: str, names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, f"{prefix}.{name}") for name in names.split())


_TOKENS = "input_tokens output_tokens cache_read_tokens cache_write_tokens reasoning_tokens"
_SPAN_IDS = _columns("spans", "VARCHAR", "trace_id span_id")
_RUN_COLUMNS = ("agent_name", "session_id", "user_id", "tenant_id", "service", "tags", "metadata")
# A call counts once under a tag, however often its run carries it.
_TAGS = Column("tags", "VARCHAR[]", "runs.tags", distinct_texts)
_OF_THE_RUN = (
    *_columns("runs", "VARCHAR", "agent_name session_id user_id tenant_id service metadata"),
    _TAGS,
)


def _times(table: str) -> tuple[Column, ...]:
    return (
        *_columns(table, "BIGINT", "start_ns end_ns"),
        Column("duration_ns", "BIGINT", f"{table}.end_ns - {table}.start_ns"),
        Column("quarter", "INTEGER", f"{table}.start_ns / {QUARTER_NS}"),
    )


_LLM_CALLS = Relation(
    "llm_calls",
    "llm_calls",
    "span",
    (
        *_columns("llm_calls", "BIGINT", "span"),
        *_columns("llm_calls", "VARCHAR", "run_id"),
        *_OF_THE_RUN,
        Column("model", "VARCHAR", "coalesce(llm_calls.response_model, llm_calls.request_model)"),
        *_columns("llm_calls", "VARCHAR", "provider operation status error_type error_message"),
        *_times("llm_calls"),
        *_columns("llm_calls", "BIGINT", f"{_TOKENS} cost_picousd time_to_first_chunk_ns"),
        *_columns(
            "llm_calls",
            "VARCHAR",
            "unpriced_reason service_tier request_model response_model response_id "
            "emitted_cost_source dialect",
        ),
        *_columns("llm_calls", "BIGINT", "emitted_cost_picousd iteration"),
        *_columns("llm_calls", "VARCHAR[]", "finish_reasons"),
        # A system prompt is no step: it is what a call's input begins with.
        Column("first_message", "BIGINT", "llm_calls.input_messages", first_id),
        *_SPAN_IDS,
    ),
    "LEFT JOIN spans ON spans.id = llm_calls.span "
    "LEFT JOIN runs ON runs.run_id = llm_calls.run_id",
    "llm_calls.counted = 1",
    run_columns=_RUN_COLUMNS,
)

_TOOL_CALLS = Relation(
    "tool_calls",
    "tool_calls",
    "span",
    (
        *_columns("tool_calls", "BIGINT", "span"),
        *_columns("tool_calls", "VARCHAR", "run_id"),
        *_OF_THE_RUN,
        *_columns("tool_calls", "VARCHAR", "tool_name status error_type error_message"),
        *_times("tool_calls"),
        *_columns("tool_calls", "VARCHAR", "tool_call_id target dialect"),
        *_columns("tool_calls", "BIGINT", "iteration arguments result"),
        *_SPAN_IDS,
    ),
    "LEFT JOIN spans ON spans.id = tool_calls.span "
    "LEFT JOIN runs ON runs.run_id = tool_calls.run_id",
    "tool_calls.counted = 1",
    run_columns=_RUN_COLUMNS,
)

_RUNS = Relation(
    "runs",
    "runs",
    ROW_ID,
    (
        *_columns(
            "runs",
            "VARCHAR",
            "run_id trace_id span_id agent_name agent_id status session_id user_id tenant_id "
            "parent_run_id service model strategy error_type error_message termination_reason "
            "metadata writer_id",
        ),
        *_columns(
            "runs",
            "BIGINT",
            "delegation_level started_ns ended_ns updated_ns input_message answer_message "
            "iteration_count llm_calls failed_llm_calls tool_calls failed_tool_calls "
            f"{_TOKENS} cost_picousd unpriced_calls",
        ),
        Column("quarter", "INTEGER", f"runs.started_ns / {QUARTER_NS}"),
        _TAGS,
    ),
)

# Whether they go on depends on their writers, which may be gone without a commit.
_OPEN_RUNS = Relation(
    "open_runs",
    "runs",
    ROW_ID,
    (
        *_columns("runs", "VARCHAR", "run_id status writer_id"),
        *_columns("writers", "BIGINT", "last_seen_ns"),
    ),
    "LEFT JOIN writers ON writers.writer_id = runs.writer_id",
    "runs.status IN ('running', 'paused')",
    volatile=True,
)

_STEPS = Relation(
    "steps",
    "steps",
    ROW_ID,
    (
        *_columns("steps", "VARCHAR", "step_id run_id role tool_call_id tool_name"),
        *_columns("steps", "BIGINT", "ordinal time_ns message condensed_message"),
        *_columns("steps", "BOOLEAN", "is_error hidden rolled_back"),
    ),
)

_SESSIONS = Relation(
    "sessions",
    "sessions",
    ROW_ID,
    (
        *_columns("sessions", "VARCHAR", "session_id user_id"),
        *_columns("sessions", "BIGINT", "started_ns updated_ns runs"),
    ),
)

_SPANS = Relation(
    "spans",
    "spans",
    "id",
    (
        *_columns(
            "spans",
            "VARCHAR",
            "trace_id span_id parent_span_id name role run_id status_message attributes",
        ),
        *_columns("spans", "BIGINT", "id kind start_ns end_ns status_code"),
        *_columns("resources", "VARCHAR", "service"),
        Column("scope", "VARCHAR", "scopes.name"),
    ),
    "JOIN resources ON resources.id = spans.resource_id JOIN scopes ON scopes.id = spans.scope_id",
)

_EVENTS = Relation(
    "events",
    "run_log",
    "seq",
    (
        *_columns("run_log", "VARCHAR", "kind run_id data"),
        *_columns("run_log", "BIGINT", "seq time_ns iteration"),
        *_SPAN_IDS,
    ),
    "LEFT JOIN spans ON spans.id = run_log.span",
)

_MESSAGES = Relation(
    "messages",
    "messages",
    "id",
    (
        *_columns("messages", "BIGINT", "id"),
        *_columns("messages", "VARCHAR", "body"),
        Column("text", "VARCHAR", "messages.body", message_text),
    ),
)

RELATIONS = {
    relation.name: relation
    for relation in (
        _LLM_CALLS,
        _TOOL_CALLS,
        _RUNS,
        _OPEN_RUNS,
        _STEPS,
        _SESSIONS,
        _SPANS,
        _EVENTS,
        _MESSAGES,
    )
}
