-- The tool calls of a lake, each once, with what their runs say of them.
--
--   $exporter    whose rows these are
--   $content     whether texts are given
--   $low $high   start times in nanoseconds, from and before, or NULL
SELECT
    day_of(c.start_ns) AS partition, c.span // 1000000 AS part,
    $exporter::VARCHAR AS exporter,
    c.trace_id, c.span_id, c.run_id, r.parent_run_id,
    r.agent_name, r.session_id, r.user_id, r.tenant_id, r.service,
    c.tool_name, c.tool_call_id, c.target, c.iteration,
    call_status(c.status, o.is_interrupted) AS status, c.error_type, c.error_message,
    moment(c.start_ns) AS started_at, moment(c.end_ns) AS ended_at, c.start_ns, c.end_ns,
    arguments.text AS arguments, result.text AS result, c.dialect,
    coalesce(r.tags, []) AS tags, r.metadata
FROM loaded.tool_calls AS c
LEFT JOIN loaded.open_run_states AS o ON o.run_id = c.run_id
LEFT JOIN loaded.runs AS r ON r.run_id = c.run_id
LEFT JOIN loaded.texts AS arguments ON $content AND arguments.id = c.arguments
LEFT JOIN loaded.texts AS result ON $content AND result.id = c.result
WHERE in_reach(c.start_ns, $low, $high)
