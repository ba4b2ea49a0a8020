"""
The tables. `spans`, `logs`, `messages` and `run_log` are the truth; the rest is derived.

Times are nanoseconds since the epoch, UTC; ids are lowercase hex text; money is USD ×
10¹² in integers (`_picousd`). JSON columns are text. Comments travel with the columns
and are what the documentation of the schema is made from.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION = 1

# The facts that change what a run's row says, and what its steps say.
RUN_TURNS = ("run.paused", "run.resumed", "termination.decided")
STEP_TURNS = (
    "run.rolled_back",
    "retrospect.applied",
    "step.assistant",
    "step.condensed",
    "step.user",
    "steps.hidden",
)
TURNS = (*RUN_TURNS, *STEP_TURNS)

metadata = MetaData()

# SQLite makes only a column spelled INTEGER PRIMARY KEY the row id.
_Id = BigInteger().with_variant(Integer, "sqlite")

schema_info = Table(
    "schema_info",
    metadata,
    Column("version", Integer, nullable=False, comment="the schema's version"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False, comment="the last number given out"),
)

writers = Table(
    "writers",
    metadata,
    Column("writer_id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started_ns", BigInteger, nullable=False),
    Column("last_seen_ns", BigInteger, nullable=False, comment="its last sign of life"),
    Column("closed_ns", BigInteger, comment="when it ended in good order"),
)

resources = Table(
    "resources",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("service", Text, comment="service.name"),
    Column("attributes", Text, nullable=False),
    Column("dropped_attributes", Integer, nullable=False),
    Column("schema_url", Text, nullable=False),
    Column("entities", Text, nullable=False, comment="JSON of the entity references"),
)

scopes = Table(
    "scopes",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("dropped_attributes", Integer, nullable=False),
    Column("schema_url", Text, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="BLAKE2b-128 of body"),
    Column("body", Text, nullable=False, comment="a message or another long text, stored once"),
)

spans = Table(
    "spans",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("trace_id", Text, nullable=False),
    Column("span_id", Text, nullable=False),
    Column("parent_span_id", Text),
    Column("trace_state", Text, nullable=False),
    Column("flags", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Integer, nullable=False, comment="OTLP SpanKind"),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, comment="NULL while the span is open"),
    Column("status_code", Integer, nullable=False, comment="0 unset, 1 ok, 2 error"),
    Column("status_message", Text, nullable=False),
    Column("attributes", Text, nullable=False, comment="JSON; long texts are references"),
    Column("dropped_attributes", BigInteger, nullable=False),
    Column("events", Text, comment="JSON"),
    Column("dropped_events", BigInteger, nullable=False),
    Column("links", Text, comment="JSON"),
    Column("dropped_links", BigInteger, nullable=False),
    Column("resource_id", ForeignKey("resources.id"), nullable=False),
    Column("scope_id", ForeignKey("scopes.id"), nullable=False),
    Column("writer_id", ForeignKey("writers.writer_id"), comment="who wrote the open span"),
    Column("role", Text, comment="derived: run, llm, tool or NULL"),
    Column("run_id", Text, comment="derived: the run it belongs to"),
    Column("outer_call", _Id, comment="derived: the LLM or tool span around it in its run"),
    Column("session_id", Text, comment="derived: its own or that of a span above it"),
    Column("user_id", Text, comment="derived: its own or that of a span above it"),
    Column("names", Integer, comment="derived: 1 names its session, 2 its user, 3 both"),
    UniqueConstraint("trace_id", "span_id"),
    Index("spans_by_parent", "trace_id", "parent_span_id"),
    Index("spans_of_runs", "run_id", sqlite_where=text("role = 'run'")),
)

logs = Table(
    "logs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="BLAKE2b-128 of the record"),
    Column("trace_id", Text, nullable=False),
    Column("span_id", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("observed_ns", BigInteger, nullable=False),
    Column("severity_number", Integer, nullable=False),
    Column("severity_text", Text, nullable=False),
    Column("event_name", Text, nullable=False),
    Column("body", Text, nullable=False, comment="JSON"),
    Column("attributes", Text, nullable=False, comment="JSON"),
    Column("dropped_attributes", BigInteger, nullable=False),
    Column("flags", BigInteger, nullable=False),
    Column("resource_id", ForeignKey("resources.id"), nullable=False),
    Column("scope_id", ForeignKey("scopes.id"), nullable=False),
    Index("logs_by_span", "trace_id", "span_id"),
)

run_log = Table(
    "run_log",
    metadata,
    Column("seq", _Id, primary_key=True, comment="order of commit, over the whole database"),
    Column("bound_seq", BigInteger, nullable=False, comment="order of joining its run"),
    Column("span", ForeignKey("spans.id"), nullable=False, comment="the span that carries it"),
    Column("fact_key", Text, nullable=False, comment="tells it from others of the span"),
    Column("kind", Text, nullable=False, comment="such as run.started"),
    Column("time_ns", BigInteger, nullable=False),
    Column("iteration", Integer),
    Column("run_id", Text, comment="derived: the run it belongs to"),
    Column("data", Text, comment="JSON of an event's fields; NULL where the span tells"),
    UniqueConstraint("span", "fact_key"),
    Index("run_log_by_run", "run_id", "bound_seq"),
    Index("run_log_run_turns", "run_id", "time_ns", sqlite_where=text(f"kind IN {RUN_TURNS}")),
    Index("run_log_step_turns", "run_id", "kind", sqlite_where=text(f"kind IN {STEP_TURNS}")),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("trace_id", Text, nullable=False),
    Column("span_id", Text, comment="its first span; NULL for calls outside any agent"),
    Column("agent_name", Text),
    Column("agent_id", Text),
    Column("status", Text, nullable=False, comment="running paused success error cancelled"),
    Column("session_id", Text),
    Column("user_id", Text),
    Column("tenant_id", Text),
    Column("parent_run_id", Text),
    Column("delegation_level", Integer, nullable=False),
    Column("service", Text),
    Column("model", Text, comment="the model of its latest call"),
    Column("strategy", Text),
    Column("started_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),
    Column("updated_ns", BigInteger, nullable=False, comment="the latest time seen in it"),
    Column("input_message", ForeignKey("messages.id")),
    Column("answer_message", ForeignKey("messages.id")),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("termination_reason", Text),
    Column("iteration_count", Integer, nullable=False),
    Column("llm_calls", Integer, nullable=False),
    Column("failed_llm_calls", Integer, nullable=False),
    Column("tool_calls", Integer, nullable=False),
    Column("failed_tool_calls", Integer, nullable=False),
    Column("input_tokens", BigInteger, comment="NULL where no call told"),
    Column("output_tokens", BigInteger),
    Column("cache_read_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cost_picousd", BigInteger, comment="of the calls that could be priced"),
    Column("unpriced_calls", Integer, nullable=False),
    Column("tags", Text, nullable=False, comment="JSON list"),
    Column("metadata", Text, nullable=False, comment="JSON map"),
    Column("writer_id", Text, comment="who writes it while it is open"),
    Index("runs_by_start", "started_ns", "run_id"),
    Index("runs_by_agent", "agent_name", "started_ns", "run_id"),
    Index("runs_by_status", "status", "started_ns", "run_id"),
    Index("runs_by_session", "session_id", "started_ns", "run_id"),
    Index("runs_by_user", "user_id", "started_ns", "run_id"),
    Index("runs_by_tenant", "tenant_id", "started_ns", "run_id"),
    Index("runs_by_parent", "parent_run_id", "started_ns", "run_id"),
    Index("runs_by_trace", "trace_id"),
)

llm_calls = Table(
    "llm_calls",
    metadata,
    Column("span", ForeignKey("spans.id"), primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("outer_call", _Id, comment="the LLM or tool span around it in its run"),
    Column("counted", Integer, nullable=False, comment="1 for the one row that is the call"),
    Column("not_counted_because", Text),
    Column("scope", ForeignKey("scopes.id"), nullable=False, comment="what reported it"),
    Column("dialect", Text, nullable=False),
    Column("precedence", Integer, nullable=False, comment="the lowest is believed first"),
    Column("operation", Text, nullable=False),
    Column("provider", Text),
    Column("request_model", Text),
    Column("response_model", Text),
    Column("response_id", Text),
    Column("call_id", Text),
    Column("iteration", Integer),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),
    Column("status", Text, nullable=False, comment="running, ok or error"),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("input_tokens", BigInteger, comment="cache included"),
    Column("output_tokens", BigInteger, comment="reasoning included"),
    Column("cache_read_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("cache_write_1h_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cost_picousd", BigInteger, comment="NULL is unpriced"),
    Column("unpriced_reason", Text),
    Column("emitted_cost_picousd", BigInteger, comment="what the telemetry claimed"),
    Column("time_to_first_chunk_ns", BigInteger),
    Column("finish_reasons", Text, nullable=False, comment="JSON list"),
    Column("input_messages", Text, nullable=False, comment="JSON list of messages.id"),
    Column("output_messages", Text, nullable=False, comment="JSON list of messages.id"),
    Column("agent_name", Text, comment="the agent that the call itself names"),
    Column("labels", Text, comment="JSON map of tags, metadata and tenant_id, where given"),
    Index("llm_calls_by_run", "run_id", "start_ns"),
    Index(
        "llm_calls_by_response",
        "response_id",
        "start_ns",
        sqlite_where=text("response_id IS NOT NULL"),
    ),
    Index("llm_calls_by_call", "call_id", "run_id", sqlite_where=text("call_id IS NOT NULL")),
    Index("llm_calls_by_outer", "outer_call", sqlite_where=text("outer_call IS NOT NULL")),
)

tool_calls = Table(
    "tool_calls",
    metadata,
    Column("span", ForeignKey("spans.id"), primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("outer_call", _Id, comment="the LLM or tool span around it in its run"),
    Column("counted", Integer, nullable=False, comment="1 for the one row that is the call"),
    Column("not_counted_because", Text),
    Column("dialect", Text, nullable=False),
    Column("tool_name", Text, nullable=False),
    Column("tool_call_id", Text),
    Column("target", Text),
    Column("iteration", Integer),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),
    Column("status", Text, nullable=False, comment="running, ok or error"),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("arguments", ForeignKey("messages.id")),
    Column("result", ForeignKey("messages.id")),
    Index("tool_calls_by_run", "run_id", "start_ns"),
    Index("tool_calls_by_call", "tool_call_id", sqlite_where=text("tool_call_id IS NOT NULL")),
    Index("tool_calls_by_outer", "outer_call", sqlite_where=text("outer_call IS NOT NULL")),
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("step_id", Text, primary_key=True),
    Column("role", Text, nullable=False, comment="user, assistant or tool"),
    Column("time_ns", BigInteger, nullable=False),
    Column("ordinal", Integer, nullable=False, comment="order among steps of one moment"),
    Column("span", ForeignKey("spans.id"), nullable=False),
    Column("message", ForeignKey("messages.id"), comment="what was said"),
    Column("condensed_message", ForeignKey("messages.id"), comment="what the model sees"),
    Column("call_id", Text, comment="of a committed step: the LLM call it came from"),
    Column("committed", Integer, nullable=False, comment="the runtime committed it itself"),
    Column("tool_call_id", Text),
    Column("tool_name", Text),
    Column("is_error", Integer, nullable=False),
    Column("hidden", Integer, nullable=False, comment="no longer shown to the model"),
    Column("rolled_back", Integer, nullable=False),
    Index("steps_by_run", "run_id", "time_ns", "ordinal", "step_id"),
    Index("steps_by_span", "span"),
    Index("steps_by_call", "call_id", "run_id", sqlite_where=text("call_id IS NOT NULL")),
    Index("steps_unnamed", "run_id", sqlite_where=text("committed = 1 AND call_id IS NULL")),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("user_id", Text),
    Column("started_ns", BigInteger, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Column("runs", Integer, nullable=False),
    Index("sessions_by_start", "started_ns"),
)
