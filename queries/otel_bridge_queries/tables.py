"""
What the reports need of the database: which columns, narrow, of which rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

from otel_bridge_queries.texts import distinct_texts, message_text

_WHOLE_NUMBERS = frozenset({"BIGINT", "BOOLEAN"})


@dataclass(frozen=True, slots=True)
class Column:
    """
    One column of a copied table.

    Attributes:
        type: DuckDB's name of its type; a list of texts comes from a JSON list.
        source: The SQL expression that it is read from.
        function: What is made of each value before it is copied.
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
        return "BIGINT" if self.type in _WHOLE_NUMBERS else "VARCHAR"


@dataclass(frozen=True, slots=True)
class Table:
    """
    One table of the reports and where its rows come from.

    Attributes:
        origin: The tables of the database, after FROM.
        key: The integer by which SQLite orders the rows and cuts them into chunks.
        where: Which rows, as an SQL condition; all if None.
    """

    name: str
    origin: str
    key: str
    columns: tuple[Column, ...]
    where: str | None = None

    @property
    def create(self) -> str:
        """
        The DuckDB statement that makes the table anew, empty.
        """
        columns = ", ".join(f"{column.name} {column.type}" for column in self.columns)
        return f"CREATE OR REPLACE TABLE loaded.{self.name} ({columns})"

    @property
    def insert(self) -> str:
        """
        The DuckDB statement that appends a chunk: each column of it as a JSON list.
        """
        lists = ", ".join(
            f"unnest(from_json(?, '[\"{column.carrier}\"]')) AS {column.name}"
            for column in self.columns
        )
        values = ", ".join(_value(column) for column in self.columns)
        return f"INSERT INTO loaded.{self.name} SELECT {values} FROM (SELECT {lists})"  # noqa: S608 - constants of this module


def _value(column: Column) -> str:
    if column.type == "VARCHAR[]":
        return f"coalesce(TRY(from_json({column.name}, '[\"VARCHAR\"]')), [])"
    return column.name


def _columns(prefix: str, kind: str, names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, f"{prefix}.{name}") for name in names.split())


_TOKENS = "input_tokens output_tokens cache_read_tokens cache_write_tokens reasoning_tokens"
_SPAN_IDS = _columns("spans", "VARCHAR", "trace_id span_id")

_RUN_KEYS = Table(
    "run_keys",
    "runs",
    "runs.rowid",
    (
        *_columns("runs", "VARCHAR", "run_id agent_name session_id user_id service"),
        *_columns("runs", "BIGINT", "started_ns"),
        # A call counts once under a tag, however often its run carries it.
        Column("tags", "VARCHAR[]", "runs.tags", distinct_texts),
    ),
)

_RUNS = Table(
    "runs",
    "runs",
    "runs.rowid",
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
        *_columns("runs", "VARCHAR[]", "tags"),
    ),
)

# Whether they go on depends on their writers, which may be gone without a commit.
_OPEN_RUNS = Table(
    "open_runs",
    "runs LEFT JOIN writers ON writers.writer_id = runs.writer_id",
    "runs.rowid",
    (
        *_columns("runs", "VARCHAR", "run_id status writer_id"),
        *_columns("writers", "BIGINT", "last_seen_ns"),
    ),
    "runs.status IN ('running', 'paused')",
)

_LLM_CALLS = Table(
    "llm_calls",
    "llm_calls",
    "llm_calls.span",
    (
        *_columns("llm_calls", "VARCHAR", "run_id provider status error_type error_message"),
        Column("model", "VARCHAR", "coalesce(llm_calls.response_model, llm_calls.request_model)"),
        *_columns(
            "llm_calls",
            "BIGINT",
            f"span start_ns end_ns {_TOKENS} cost_picousd time_to_first_chunk_ns",
        ),
    ),
    "llm_calls.counted = 1",
)

_LLM_CALL_DETAILS = Table(
    "llm_call_details",
    "llm_calls JOIN spans ON spans.id = llm_calls.span",
    "llm_calls.span",
    (
        *_columns(
            "llm_calls",
            "VARCHAR",
            "operation request_model response_model response_id service_tier unpriced_reason "
            "dialect",
        ),
        *_columns("llm_calls", "BIGINT", "span iteration emitted_cost_picousd"),
        *_columns("llm_calls", "VARCHAR[]", "finish_reasons"),
        *_SPAN_IDS,
    ),
    "llm_calls.counted = 1",
)

_UNPRICED_CALLS = Table(
    "unpriced_calls",
    "llm_calls",
    "llm_calls.span",
    (
        *_columns("llm_calls", "BIGINT", "span"),
        Column("reason", "VARCHAR", "llm_calls.unpriced_reason"),
    ),
    "llm_calls.counted = 1 AND llm_calls.cost_picousd IS NULL",
)

# Telemetry that knows no price of a model claims that it cost nothing.
_EMITTED_COSTS = Table(
    "emitted_costs",
    "llm_calls",
    "llm_calls.span",
    (
        *_columns("llm_calls", "BIGINT", "span emitted_cost_picousd"),
        Column("source", "VARCHAR", "llm_calls.emitted_cost_source"),
    ),
    "llm_calls.counted = 1 AND llm_calls.emitted_cost_picousd > 0",
)

_TOOL_CALLS = Table(
    "tool_calls",
    "tool_calls",
    "tool_calls.span",
    (
        *_columns("tool_calls", "VARCHAR", "run_id tool_name status error_type error_message"),
        *_columns("tool_calls", "BIGINT", "span start_ns end_ns"),
    ),
    "tool_calls.counted = 1",
)

_TOOL_CALL_DETAILS = Table(
    "tool_call_details",
    "tool_calls JOIN spans ON spans.id = tool_calls.span",
    "tool_calls.span",
    (
        *_columns("tool_calls", "VARCHAR", "tool_call_id target dialect"),
        *_columns("tool_calls", "BIGINT", "span iteration arguments result"),
        *_SPAN_IDS,
    ),
    "tool_calls.counted = 1",
)

_STEPS = Table(
    "steps",
    "steps",
    "steps.rowid",
    (
        *_columns("steps", "VARCHAR", "step_id run_id role tool_call_id tool_name"),
        *_columns("steps", "BIGINT", "ordinal time_ns message condensed_message"),
        *_columns("steps", "BOOLEAN", "is_error hidden rolled_back"),
    ),
)

_SESSIONS = Table(
    "sessions",
    "sessions",
    "sessions.rowid",
    (
        *_columns("sessions", "VARCHAR", "session_id user_id"),
        *_columns("sessions", "BIGINT", "started_ns updated_ns runs"),
    ),
)

_SPANS = Table(
    "spans",
    "spans JOIN resources ON resources.id = spans.resource_id "
    "JOIN scopes ON scopes.id = spans.scope_id",
    "spans.id",
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
)

_EVENTS = Table(
    "events",
    "run_log JOIN spans ON spans.id = run_log.span",
    "run_log.seq",
    (
        *_columns("run_log", "VARCHAR", "kind run_id data"),
        *_columns("run_log", "BIGINT", "seq time_ns iteration"),
        *_SPAN_IDS,
    ),
)

_MESSAGES = Table(
    "messages",
    "messages",
    "messages.id",
    (*_columns("messages", "BIGINT", "id"), *_columns("messages", "VARCHAR", "body")),
)

_TEXTS = Table(
    "texts",
    "messages",
    "messages.id",
    (
        *_columns("messages", "BIGINT", "id"),
        Column("text", "VARCHAR", "messages.body", message_text),
    ),
    "messages.id IN (SELECT message FROM steps UNION SELECT condensed_message FROM steps "
    "UNION SELECT input_message FROM runs UNION SELECT answer_message FROM runs "
    "UNION SELECT arguments FROM tool_calls UNION SELECT result FROM tool_calls)",
)

TABLES = {
    table.name: table
    for table in (
        _RUN_KEYS,
        _RUNS,
        _OPEN_RUNS,
        _LLM_CALLS,
        _LLM_CALL_DETAILS,
        _UNPRICED_CALLS,
        _EMITTED_COSTS,
        _TOOL_CALLS,
        _TOOL_CALL_DETAILS,
        _STEPS,
        _SESSIONS,
        _SPANS,
        _EVENTS,
        _MESSAGES,
        _TEXTS,
    )
}
