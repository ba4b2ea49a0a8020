-- The views that a reader's own SQL is written against (see `Queries.sql`).
--
-- `*_at` are TIMESTAMP WITH TIME ZONE, `*_ms` milliseconds, `cost_usd` USD; NULL is
-- unknown. Calls are listed once each, whatever number of spans showed them.

-- Open runs and when their writers were last heard of; a sign of life that lies in the
-- future, since a clock was set back, counts as one of now.
CREATE VIEW loaded.open_run_states AS
SELECT
    run_id,
    CASE
        WHEN last_seen_ns > epoch_ns(now()) THEN epoch_ns(now()) ELSE last_seen_ns
    END AS last_seen_ns,
    status = 'running' AND writer_id IN (SELECT writer_id FROM loaded.dead_writers)
        AS is_interrupted
FROM loaded.open_runs;

-- A run whose writer has died is interrupted, whatever its last word was, and ended with
-- its last sign of life.
CREATE VIEW loaded.run_states AS
SELECT
    r.* REPLACE (
        CASE WHEN o.is_interrupted THEN 'interrupted' ELSE r.status END AS status,
        CASE
            WHEN o.is_interrupted THEN greatest(r.updated_ns, o.last_seen_ns) ELSE r.ended_ns
        END AS ended_ns
    ),
    CASE WHEN o.run_id IS NOT NULL THEN greatest(r.updated_ns, o.last_seen_ns) END
        AS last_seen_ns
FROM loaded.runs AS r LEFT JOIN loaded.open_run_states AS o ON o.run_id = r.run_id;

-- Grouped by its key, so that a join whose texts nobody asked for is left out.
CREATE VIEW loaded.texts AS
SELECT id, any_value(text) AS text FROM loaded.messages GROUP BY id;

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
    r.tags, TRY_CAST(r.metadata AS JSON) AS metadata
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
    c.trace_id, c.span_id, c.run_id, c.agent_name, c.session_id, c.user_id, c.service,
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
    c.finish_reasons, c.dialect
FROM loaded.llm_calls AS c LEFT JOIN loaded.open_run_states AS o ON o.run_id = c.run_id;

CREATE VIEW tool_calls AS
SELECT
    c.trace_id, c.span_id, c.run_id, c.agent_name, c.session_id, c.user_id, c.service,
    c.tool_name, c.tool_call_id, c.target, c.iteration,
    call_status(c.status, o.is_interrupted) AS status, c.error_type, c.error_message,
    moment(c.start_ns) AS started_at,
    moment(c.end_ns) AS ended_at,
    milliseconds(c.duration_ns) AS duration_ms,
    arguments.text AS arguments, result.text AS result, c.dialect
FROM loaded.tool_calls AS c
LEFT JOIN loaded.open_run_states AS o ON o.run_id = c.run_id
LEFT JOIN loaded.texts AS arguments ON arguments.id = c.arguments
LEFT JOIN loaded.texts AS result ON result.id = c.result;

CREATE VIEW sessions AS
SELECT
    session_id, user_id, runs,
    moment(started_ns) AS started_at, moment(updated_ns) AS updated_at
FROM loaded.sessions;

-- Long texts in `attributes` are references: {"$text": id} means messages.id.
CREATE VIEW spans AS
SELECT
    trace_id, span_id, parent_span_id, name, kind, role, run_id, service, scope,
    status_code, status_message,
    moment(start_ns) AS started_at,
    moment(end_ns) AS ended_at,
    milliseconds(end_ns - start_ns) AS duration_ms,
    TRY_CAST(attributes AS JSON) AS attributes
FROM loaded.spans;

-- The run log; `data` is NULL where the span itself tells everything.
CREATE VIEW events AS
SELECT
    seq AS sequence_index, run_id, iteration, kind, moment(time_ns) AS created_at,
    TRY_CAST(data AS JSON) AS data, trace_id, span_id
FROM loaded.events;

CREATE VIEW messages AS
SELECT id, body FROM loaded.messages;
