-- The LLM calls of a lake, each once, with what their runs say of them.
--
--   $exporter    whose rows these are
--   $content     unused here
--   $low $high   start times in nanoseconds, from and before, or NULL
SELECT
    day_of(c.start_ns) AS partition, c.span // 1000000 AS part,
    $exporter::VARCHAR AS exporter,
    c.trace_id, c.span_id, c.run_id, r.parent_run_id,
    r.agent_name, r.session_id, r.user_id, r.tenant_id, r.service,
    c.operation, c.provider, c.model, c.request_model, c.response_model, c.response_id,
    c.iteration, call_status(c.status, o.is_interrupted) AS status,
    c.error_type, c.error_message,
    moment(c.start_ns) AS started_at, moment(c.end_ns) AS ended_at, c.start_ns, c.end_ns,
    c.time_to_first_chunk_ns,
    c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens,
    c.reasoning_tokens,
    c.service_tier, c.cost_picousd, exact_usd(c.cost_picousd) AS cost_usd, c.unpriced_reason,
    c.emitted_cost_picousd, exact_usd(c.emitted_cost_picousd) AS emitted_cost_usd,
    coalesce(c.finish_reasons, []) AS finish_reasons, c.dialect,
    coalesce(r.tags, []) AS tags, r.metadata
FROM loaded.llm_calls AS c
LEFT JOIN loaded.open_run_states AS o ON o.run_id = c.run_id
LEFT JOIN loaded.runs AS r ON r.run_id = c.run_id
WHERE in_reach(c.start_ns, $low, $high) AND $content::BOOLEAN IS NOT NULL
