"""
The tables. `spans`, `logs`, `messages` and `run_log` are the truth; the rest is derived.

Times are nanoseconds since the epoch, UTC; ids are lowercase hex text; money is USD ×
10¹² in integers (`_picousd`). JSON columns are text. Comments travel with the columns
and are what the documentation of the schema is made from.
"""

from sqlalchemy import Column, ForeignKey, LargeBinary, Table, UniqueConstraint

from otel_bridge_storage.columns import Whole, Words, any_of, index, metadata

SCHEMA_VERSION = 2

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

schema_info = Table(
    "schema_info",
    metadata,
    Column("version", Whole, nullable=False, comment="the schema's version"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", Words, primary_key=True),
    Column("value", Whole, nullable=False, comment="the last number given out"),
)

writers = Table(
    "writers",
    metadata,
    Column("writer_id", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Column("pid", Whole, nullable=False),
    Column("started_ns", Whole, nullable=False),
    Column("last_seen_ns", Whole, nullable=False, comment="its last sign of life"),
    Column("closed_ns", Whole, comment="when it ended in good order"),
)

resources = Table(
    "resources",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("service", Words, comment="service.name"),
    Column("attributes", Words, nullable=False),
    Column("dropped_attributes", Whole, nullable=False),
    Column("schema_url", Words, nullable=False),
    Column("entities", Words, nullable=False, comment="JSON of the entity references"),
)

scopes = Table(
    "scopes",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    Column("version", Words, nullable=False),
    Column("attributes", Words, nullable=False),
    Column("dropped_attributes", Whole, nullable=False),
    Column("schema_url", Words, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="BLAKE2b-128 of body"),
    Column("body", Words, nullable=False, comment="a message or another long text, stored once"),
)

spans = Table(
    "spans",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("trace_id", Words, nullable=False),
    Column("span_id", Words, nullable=False),
    Column("parent_span_id", Words),
    Column("trace_state", Words, nullable=False),
    Column("flags", Whole, nullable=False),
    Column("name", Words, nullable=False),
    Column("kind", Whole, nullable=False, comment="OTLP SpanKind"),
    Column("start_ns", Whole, nullable=False),
    Column("end_ns", Whole, comment="NULL while the span is open"),
    Column("status_code", Whole, nullable=False, comment="0 unset, 1 ok, 2 error"),
    Column("status_message", Words, nullable=False),
    Column("attributes", Words, nullable=False, comment="JSON; long texts are references"),
    Column("dropped_attributes", Whole, nullable=False),
    Column("events", Words, comment="JSON"),
    Column("dropped_events", Whole, nullable=False),
    Column("links", Words, comment="JSON"),
    Column("dropped_links", Whole, nullable=False),
    Column("resource_id", ForeignKey("resources.id"), nullable=False),
    Column("scope_id", ForeignKey("scopes.id"), nullable=False),
    Column("writer_id", ForeignKey("writers.writer_id"), comment="who wrote the open span"),
    Column("role", Words, comment="derived: run, llm, tool or NULL"),
    Column("run_id", Words, comment="derived: the run it belongs to"),
    Column("outer_call", Whole, comment="derived: the LLM or tool span around it in its run"),
    Column("session_id", Words, comment="derived: its own or that of a span above it"),
    Column("user_id", Words, comment="derived: its own or that of a span above it"),
    Column("names", Whole, comment="derived: 1 names its session, 2 its user, 3 both"),
    UniqueConstraint("trace_id", "span_id"),
    index("spans_by_parent", "trace_id", "parent_span_id"),
    index("spans_of_runs", "run_id", where="role = 'run'"),
)

logs = Table(
    "logs",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="BLAKE2b-128 of the record"),
    Column("trace_id", Words, nullable=False),
    Column("span_id", Words, nullable=False),
    Column("time_ns", Whole, nullable=False),
    Column("observed_ns", Whole, nullable=False),
    Column("severity_number", Whole, nullable=False),
    Column("severity_text", Words, nullable=False),
    Column("event_name", Words, nullable=False),
    Column("body", Words, nullable=False, comment="JSON"),
    Column("attributes", Words, nullable=False, comment="JSON"),
    Column("dropped_attributes", Whole, nullable=False),
    Column("flags", Whole, nullable=False),
    Column("resource_id", ForeignKey("resources.id"), nullable=False),
    Column("scope_id", ForeignKey("scopes.id"), nullable=False),
    index("logs_by_span", "trace_id", "span_id"),
)

run_log = Table(
    "run_log",
    metadata,
    Column("seq", Whole, primary_key=True, comment="order of commit, over the whole database"),
    Column("bound_seq", Whole, nullable=False, comment="order of joining its run"),
    Column("span", ForeignKey("spans.id"), nullable=False, comment="the span that carries it"),
    Column("fact_key", Words, nullable=False, comment="tells it from others of the span"),
    Column("kind", Words, nullable=False, comment="such as run.started"),
    Column("time_ns", Whole, nullable=False),
    Column("iteration", Whole),
    Column("run_id", Words, comment="derived: the run it belongs to"),
    Column("data", Words, comment="JSON of an event's fields; NULL where the span tells"),
    UniqueConstraint("span", "fact_key"),
    index("run_log_by_run", "run_id", "bound_seq"),
    index("run_log_run_turns", "run_id", "time_ns", where=any_of("kind", RUN_TURNS)),
    index("run_log_step_turns", "run_id", "kind", where=any_of("kind", STEP_TURNS)),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Words, primary_key=True),
    Column("trace_id", Words, nullable=False),
    Column("span_id", Words, comment="its first span; NULL for calls outside any agent"),
    Column("agent_name", Words),
    Column("agent_id", Words),
    Column("status", Words, nullable=False, comment="running paused success error cancelled"),
    Column("session_id", Words),
    Column("user_id", Words),
    Column("tenant_id", Words),
    Column("parent_run_id", Words),
    Column("delegation_level", Whole, nullable=False),
    Column("service", Words),
    Column("model", Words, comment="the model of its latest call"),
    Column("strategy", Words),
    Column("started_ns", Whole, nullable=False),
    Column("ended_ns", Whole),
    Column("updated_ns", Whole, nullable=False, comment="the latest time seen in it"),
    Column("input_message", ForeignKey("messages.id")),
    Column("answer_message", ForeignKey("messages.id")),
    Column("error_type", Words),
    Column("error_message", Words),
    Column("termination_reason", Words),
    Column("iteration_count", Whole, nullable=False),
    Column("llm_calls", Whole, nullable=False),
    Column("failed_llm_calls", Whole, nullable=False),
    Column("tool_calls", Whole, nullable=False),
    Column("failed_tool_calls", Whole, nullable=False),
    Column("input_tokens", Whole, comment="NULL where no call told"),
    Column("output_tokens", Whole),
    Column("cache_read_tokens", Whole),
    Column("cache_write_tokens", Whole),
    Column("reasoning_tokens", Whole),
    Column("cost_picousd", Whole, comment="of the calls that could be priced"),
    Column("unpriced_calls", Whole, nullable=False),
    Column("tags", Words, nullable=False, comment="JSON list"),
    Column("metadata", Words, nullable=False, comment="JSON map"),
    Column("writer_id", Words, comment="who writes it while it is open"),
    index("runs_by_start", "started_ns", "run_id"),
    index("runs_by_agent", "agent_name", "started_ns", "run_id"),
    index("runs_by_status", "status", "started_ns", "run_id"),
    index("runs_by_session", "session_id", "started_ns", "run_id"),
    index("runs_by_user", "user_id", "started_ns", "run_id"),
    index("runs_by_tenant", "tenant_id", "started_ns", "run_id"),
    index("runs_by_service", "service", "started_ns", "run_id"),
    index("runs_by_parent", "parent_run_id", "started_ns", "run_id"),
    index("runs_by_trace", "trace_id"),
)

run_labels = Table(
    "run_labels",
    metadata,
    Column("run_id", Words, primary_key=True),
    Column("kind", Words, primary_key=True, comment="tag or metadata"),
    Column("name", Words, primary_key=True, comment="the key; empty for a tag"),
    Column("value", Words, primary_key=True, comment="what is compared; see `labels`"),
    Column("started_ns", Whole, nullable=False, comment="as in runs"),
    index("run_labels_found", "kind", "name", "value", "started_ns", "run_id"),
    sqlite_with_rowid=False,
)

llm_calls = Table(
    "llm_calls",
    metadata,
    Column("span", ForeignKey("spans.id"), primary_key=True),
    Column("run_id", Words, nullable=False),
    Column("outer_call", Whole, comment="the LLM or tool span around it in its run"),
    Column("counted", Whole, nullable=False, comment="1 for the one row that is the call"),
    Column("not_counted_because", Words),
    Column("scope", ForeignKey("scopes.id"), nullable=False, comment="what reported it"),
    Column("dialect", Words, nullable=False),
    Column("precedence", Whole, nullable=False, comment="the lowest is believed first"),
    Column("operation", Words, nullable=False),
    Column("provider", Words),
    Column("request_model", Words),
    Column("response_model", Words),
    Column("response_id", Words),
    Column("call_id", Words),
    Column("iteration", Whole),
    Column("start_ns", Whole, nullable=False),
    Column("end_ns", Whole),
    Column("status", Words, nullable=False, comment="running, ok or error"),
    Column("error_type", Words),
    Column("error_message", Words),
    Column("input_tokens", Whole, comment="cache included"),
    Column("output_tokens", Whole, comment="reasoning included"),
    Column("cache_read_tokens", Whole),
    Column("cache_write_tokens", Whole),
    Column("cache_write_1h_tokens", Whole),
    Column("reasoning_tokens", Whole),
    Column("cost_picousd", Whole, comment="NULL is unpriced"),
    Column("unpriced_reason", Words),
    Column("emitted_cost_picousd", Whole, comment="what the telemetry claimed"),
    Column("time_to_first_chunk_ns", Whole),
    Column("finish_reasons", Words, nullable=False, comment="JSON list"),
    Column("input_messages", Words, nullable=False, comment="JSON list of messages.id"),
    Column("output_messages", Words, nullable=False, comment="JSON list of messages.id"),
    Column("agent_name", Words, comment="the agent that the call itself names"),
    Column("labels", Words, comment="JSON map of tags, metadata and tenant_id, where given"),
    index("llm_calls_by_run", "run_id", "start_ns"),
    index("llm_calls_by_response", "response_id", "start_ns", where="response_id IS NOT NULL"),
    index("llm_calls_by_call", "call_id", "run_id", where="call_id IS NOT NULL"),
    index("llm_calls_by_outer", "outer_call", where="outer_call IS NOT NULL"),
)

tool_calls = Table(
    "tool_calls",
    metadata,
    Column("span", ForeignKey("spans.id"), primary_key=True),
    Column("run_id", Words, nullable=False),
    Column("outer_call", Whole, comment="the LLM or tool span around it in its run"),
    Column("counted", Whole, nullable=False, comment="1 for the one row that is the call"),
    Column("not_counted_because", Words),
    Column("dialect", Words, nullable=False),
    Column("tool_name", Words, nullable=False),
    Column("tool_call_id", Words),
    Column("target", Words),
    Column("iteration", Whole),
    Column("start_ns", Whole, nullable=False),
    Column("end_ns", Whole),
    Column("status", Words, nullable=False, comment="running, ok or error"),
    Column("error_type", Words),
    Column("error_message", Words),
    Column("arguments", ForeignKey("messages.id")),
    Column("result", ForeignKey("messages.id")),
    index("tool_calls_by_run", "run_id", "start_ns"),
    index("tool_calls_by_call", "tool_call_id", where="tool_call_id IS NOT NULL"),
    index("tool_calls_by_outer", "outer_call", where="outer_call IS NOT NULL"),
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", Words, primary_key=True),
    Column("step_id", Words, primary_key=True),
    Column("role", Words, nullable=False, comment="user, assistant or tool"),
    Column("time_ns", Whole, nullable=False),
    Column("ordinal", Whole, nullable=False, comment="order among steps of one moment"),
    Column("span", ForeignKey("spans.id"), nullable=False),
    Column("message", ForeignKey("messages.id"), comment="what was said"),
    Column("condensed_message", ForeignKey("messages.id"), comment="what the model sees"),
    Column("call_id", Words, comment="of a committed step: the LLM call it came from"),
    Column("committed", Whole, nullable=False, comment="the runtime committed it itself"),
    Column("tool_call_id", Words),
    Column("tool_name", Words),
    Column("is_error", Whole, nullable=False),
    Column("hidden", Whole, nullable=False, comment="no longer shown to the model"),
    Column("rolled_back", Whole, nullable=False),
    index("steps_by_run", "run_id", "time_ns", "ordinal", "step_id"),
    index("steps_by_span", "span"),
    index("steps_by_call", "call_id", "run_id", where="call_id IS NOT NULL"),
    index("steps_unnamed", "run_id", where="committed = 1 AND call_id IS NULL"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Words, primary_key=True),
    Column("user_id", Words),
    Column("started_ns", Whole, nullable=False),
    Column("updated_ns", Whole, nullable=False),
    Column("runs", Whole, nullable=False),
    index("sessions_by_start", "started_ns"),
)
