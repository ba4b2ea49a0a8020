-- The views that a reader's own SQL is written against (see `Queries.sql`).
--
-- `*_at` are moments, `*_ms` milliseconds, `cost_usd` USD; NULL is unknown. Calls are
-- listed once each, whatever number of spans showed them. `comments.sql` and the comments
-- of the schema say what the columns mean.
--
-- The script for the sqlite3 shell is made of this text (see `sqlite_shell.py`): it keeps
-- to what both speak, and to macros that are put in with one plain argument.

CREATE VIEW loaded.session_totals AS
SELECT
    session_id,
    CAST(sum(llm_calls) AS BIGINT) AS llm_calls,
    CAST(sum(failed_llm_calls) AS BIGINT) AS failed_llm_calls,
    CAST(sum(tool_calls) AS BIGINT) AS tool_calls,
    CAST(sum(failed_tool_calls) AS BIGINT) AS failed_tool_calls,
    CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_write_tokens) AS BIGINT) AS cache_write_tokens,
    CAST(sum(reasoning_tokens) AS BIGINT) AS reasoning_tokens,
    CAST(sum(cost_picousd) AS BIGINT) AS cost_picousd,
    CAST(sum(unpriced_calls) AS BIGINT) AS unpriced_calls
FROM loaded.runs
GROUP BY session_id;

CREATE VIEW runs AS
SELECT
    r.run_id, r.trace_id, r.span_id, r.parent_run_id, r.delegation_level AS depth,
    r.agent_name, r.agent_id, r.status, r.session_id, r.user_id, r.tenant_id, r.service,
    r.model, r.strategy,
    moment(r.started_ns) AS started_at,
    moment(r.ended_ns) AS ended_at,
    moment(r.updated_ns) AS updated_at,
    moment(r.last_seen_ns) AS last_seen_at,
    milliseconds(r.ended_ns - r.started_ns) AS duration_ms,
    asked_for.text AS input, answer.text AS response,
    r.error_type, r.error_message, r.termination_reason,
    r.iteration_count, r.llm_calls, r.failed_llm_calls, r.tool_calls, r.failed_tool_calls,
    r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens,
    r.reasoning_tokens,
    usd(r.cost_picousd) AS cost_usd, r.unpriced_calls,
    r.tags, as_json(r.metadata) AS metadata
FROM loaded.run_states AS r
LEFT JOIN loaded.texts AS asked_for ON asked_for.id = r.input_message
LEFT JOIN loaded.texts AS answer ON answer.id = r.answer_message;

CREATE VIEW steps AS
SELECT
    s.run_id, s.step_id, s.ordinal, s.role,
    said.text AS content, condensed.text AS condensed_content,
    s.tool_name, s.tool_call_id, s.is_error, s.hidden, s.rolled_back,
    moment(s.time_ns) AS created_at
FROM loaded.steps AS s
LEFT JOIN loaded.texts AS said ON said.id = s.message
LEFT JOIN loaded.texts AS condensed ON condensed.id = s.condensed_message;

CREATE VIEW llm_calls AS
SELECT
    c.trace_id, c.span_id, c.run_id, c.agent_name, c.session_id, c.user_id, c.tenant_id,
    c.service,
    c.operation, c.provider, c.model, c.request_model, c.response_model, c.response_id,
    c.iteration, call_status(c.status, o.is_interrupted) AS status, c.error_type,
    c.error_message,
    moment(c.start_ns) AS started_at,
    moment(c.end_ns) AS ended_at,
    milliseconds(c.duration_ns) AS duration_ms,
    milliseconds(c.time_to_first_chunk_ns) AS time_to_first_chunk_ms,
    c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens,
    c.reasoning_tokens,
    c.service_tier, usd(c.cost_picousd) AS cost_usd, c.unpriced_reason,
    usd(c.emitted_cost_picousd) AS emitted_cost_usd,
    c.finish_reasons, c.tags, as_json(c.metadata) AS metadata, c.dialect
FROM loaded.llm_calls AS c LEFT JOIN loaded.open_run_states AS o ON o.run_id = c.run_id;

CREATE VIEW tool_calls AS
SELECT
    c.trace_id, c.span_id, c.run_id, c.agent_name, c.session_id, c.user_id, c.tenant_id,
    c.service,
    c.tool_name, c.tool_call_id, c.target, c.iteration,
    call_status(c.status, o.is_interrupted) AS status, c.error_type, c.error_message,
    moment(c.start_ns) AS started_at,
    moment(c.end_ns) AS ended_at,
    milliseconds(c.duration_ns) AS duration_ms,
    arguments.text AS arguments, result.text AS result,
    c.tags, as_json(c.metadata) AS metadata, c.dialect
FROM loaded.tool_calls AS c
LEFT JOIN loaded.open_run_states AS o ON o.run_id = c.run_id
LEFT JOIN loaded.texts AS arguments ON arguments.id = c.arguments
LEFT JOIN loaded.texts AS result ON result.id = c.result;

CREATE VIEW sessions AS
SELECT
    s.session_id, s.user_id, s.runs,
    coalesce(t.llm_calls, 0) AS llm_calls,
    coalesce(t.failed_llm_calls, 0) AS failed_llm_calls,
    coalesce(t.tool_calls, 0) AS tool_calls,
    coalesce(t.failed_tool_calls, 0) AS failed_tool_calls,
    t.input_tokens, t.output_tokens, t.cache_read_tokens, t.cache_write_tokens,
    t.reasoning_tokens,
    usd(t.cost_picousd) AS cost_usd, coalesce(t.unpriced_calls, 0) AS unpriced_calls,
    moment(s.started_ns) AS started_at, moment(s.updated_ns) AS updated_at
FROM loaded.sessions AS s
LEFT JOIN loaded.session_totals AS t ON t.session_id = s.session_id;

CREATE VIEW spans AS
SELECT
    s.trace_id, s.span_id, s.parent_span_id, s.name, s.kind, s.role, s.run_id, s.service,
    s.scope, s.status_code, s.status_message,
    moment(s.start_ns) AS started_at,
    moment(s.end_ns) AS ended_at,
    milliseconds(s.end_ns - s.start_ns) AS duration_ms,
    as_json(s.attributes) AS attributes
FROM loaded.spans AS s;

CREATE VIEW events AS
SELECT
    e.seq AS sequence_index, e.run_id, e.iteration, e.kind, moment(e.time_ns) AS created_at,
    as_json(e.data) AS data, e.trace_id, e.span_id
FROM loaded.events AS e;

CREATE VIEW messages AS
SELECT m.id, m.body, m.text FROM loaded.messages AS m;
