-- The runs of a lake.
--
--   $exporter    whose rows these are
--   $content     whether texts are given
--   $low $high   start times in nanoseconds, from and before, or NULL
SELECT
    day_of(r.started_ns) AS partition, 0::BIGINT AS part,
    $exporter::VARCHAR AS exporter,
    r.run_id, r.trace_id, r.span_id, r.parent_run_id, r.delegation_level AS depth,
    r.agent_name, r.agent_id, r.status, r.session_id, r.user_id, r.tenant_id, r.service,
    r.model, r.strategy,
    moment(r.started_ns) AS started_at, moment(r.ended_ns) AS ended_at,
    moment(r.updated_ns) AS updated_at, r.started_ns AS start_ns, r.ended_ns AS end_ns,
    asked_for.text AS input, answer.text AS response,
    r.error_type, r.error_message, r.termination_reason,
    r.iteration_count, r.llm_calls, r.failed_llm_calls, r.tool_calls, r.failed_tool_calls,
    r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens,
    r.reasoning_tokens,
    r.cost_picousd, exact_usd(r.cost_picousd) AS cost_usd, r.unpriced_calls,
    coalesce(r.tags, []) AS tags, r.metadata
FROM loaded.run_states AS r
LEFT JOIN loaded.texts AS asked_for ON $content AND asked_for.id = r.input_message
LEFT JOIN loaded.texts AS answer ON $content AND answer.id = r.answer_message
WHERE in_reach(r.started_ns, $low, $high)
